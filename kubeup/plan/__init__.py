"""diff(desired, facts) = Plan: the only thing that is ever executed.

A plan is a value: steps in order, in levels between which machines may wait for one another. Nothing in it was done
yet, so it can be shown (``kubeup plan``), counted and compared.
"""

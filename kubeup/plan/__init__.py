"""diff(desired, facts) = Plan: the only thing that is ever executed.

A plan is a value: steps in order, in levels with a barrier between machines after each. Nothing in it was done yet,
so it can be shown (``kubeup plan``), counted and compared.
"""

"""diff(desired, facts) = Plan: the only thing that is ever executed.

A plan is a value: steps in order, in levels with a barrier between machines after each. Nothing in it was done yet,
so it can be shown (``kubeup plan``), counted and compared.
"""

from kubeup.plan.changes import Stage, diff
from kubeup.plan.departures import PUSHED, empty_diff
from kubeup.plan.steps import (
    Await,
    Clear,
    Do,
    Forget,
    GiveBack,
    Level,
    Link,
    Make,
    NodePlan,
    Observe,
    Plan,
    Put,
    Remember,
    Start,
    Step,
    Stop,
    Undo,
)

__all__ = [
    "PUSHED",
    "Await",
    "Clear",
    "Do",
    "Forget",
    "GiveBack",
    "Level",
    "Link",
    "Make",
    "NodePlan",
    "Observe",
    "Plan",
    "Put",
    "Remember",
    "Stage",
    "Start",
    "Step",
    "Stop",
    "Undo",
    "diff",
    "empty_diff",
]

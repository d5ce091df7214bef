"""Candidates for rules of train.plan: each changes what today's rules choose for a problem, and benchmarks.rules says what it gives.

A candidate is a function of a problem and of today's settings for it, by the names of mach_tf.fit's arguments; it returns the settings to
change. It may look at the problem's sizes alone, so that it is a rule and not a tuned setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from mach_tf.sizing.planning import Problem

Candidate = Callable[[Problem, Mapping[str, Any]], "dict[str, Any]"]
TODAY = "today"


def _today(_: Problem, __: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _twice_the_epochs(_: Problem, today: Mapping[str, Any]) -> dict[str, Any]:
    return {"epochs": 2 * today["epochs"]}


def _half_batches(_: Problem, today: Mapping[str, Any]) -> dict[str, Any]:
    return {"batch_size": max(1, today["batch_size"] // 2)}


def _twice_the_repetitions(_: Problem, today: Mapping[str, Any]) -> dict[str, Any]:
    return {"repetitions": 2 * today["repetitions"]}


def _never_rare(problem: Problem, today: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of data whose labels are not rare, for all data."""
    # Half of the hidden units need less of it.
    dropout = 0.1 if today["hidden_units"] == 256 else 0.3
    return {"dropout": dropout, "learning_rate": 0.02, "optimizer_epsilon": 1e-3 if problem.points < 20_000 else 1e-4}


def _always_rare(_: Problem, __: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of data whose labels are rare, for all data."""
    return {"dropout": 0.0, "learning_rate": 0.01, "optimizer_epsilon": 3e-5}


def _more_dropout(_: Problem, today: Mapping[str, Any]) -> dict[str, Any]:
    return {"dropout": min(0.9, today["dropout"] + 0.2)}


def _half_the_units(_: Problem, today: Mapping[str, Any]) -> dict[str, Any]:
    return {"hidden_units": max(1, today["hidden_units"] // 2)}


def _two_thirds_of_the_epochs(_: Problem, today: Mapping[str, Any]) -> dict[str, Any]:
    return {"epochs": max(1, round(2 / 3 * today["epochs"]))}


CANDIDATES: dict[str, Candidate] = {
    TODAY: _today,
    "twice-the-epochs": _twice_the_epochs,
    "half-batches": _half_batches,
    "twice-the-repetitions": _twice_the_repetitions,
    "never-rare": _never_rare,
    "always-rare": _always_rare,
    "more-dropout": _more_dropout,
    "half-the-units": _half_the_units,
    "two-thirds-of-the-epochs": _two_thirds_of_the_epochs,
}

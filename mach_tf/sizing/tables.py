"""Plans as a table for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from tabulate import tabulate

from mach_tf.sizing.machine import Machine
from mach_tf.sizing.planning import Plan

_HEADERS = (
    *("B", "R", "parameters", "training", "at once", "serving", "pair", "any pair", "confusable"),
    *("step", "hours"),
)


def plans_table(plans: Iterable[Plan], best: Optional[Plan]) -> str:
    """Returns a table of plans, one per line, with a mark at the best."""
    rows = [(*_cells(plan), "<- recommended" if plan is best else "") for plan in plans]
    alignment = ["right"] * len(_HEADERS) + ["left"]
    return tabulate(rows, [*_HEADERS, ""], colalign=alignment, disable_numparse=True)


def machine_line(machine: Machine) -> str:
    """Returns a sentence about the machine that the plans are for."""
    return (
        f"Machine: {gigabytes(machine.memory)} of memory, {machine.flops / 1e9:,.0f} Gflop/s, "
        f"{machine.bandwidth / 1e9:,.1f} GB/s."
    )


def gigabytes(value: int) -> str:
    """Returns a number of bytes in GB, with one decimal."""
    return f"{value / 1e9:,.1f} GB"


def _cells(plan: Plan) -> tuple[object, ...]:
    return (
        f"{plan.buckets:,}",
        plan.repetitions,
        f"{plan.parameters / 1e6:,.0f} M",
        gigabytes(plan.training_bytes),
        plan.side_by_side,
        gigabytes(plan.serving_bytes),
        f"{plan.pair_collision:.0e}",
        f"{plan.any_pair_collision:.0e}",
        f"{plan.confusable:.0e}",
        _milliseconds(plan.step_seconds * 1e3),
        f"{plan.training_seconds / 3600:,.2f}",
    )


def _milliseconds(value: float) -> str:
    """Returns whole milliseconds, and two digits of fewer than ten."""
    return f"{value:,.0f} ms" if value >= 9.5 else f"{value:.2g} ms"

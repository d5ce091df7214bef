"""The tables and the ratios of what benchmarks.gpu has found."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

# From the name of a step to what it found: its own fields, `seconds` and `error`.
Found = dict[str, dict[str, Any]]

_SPEED = {
    "milliseconds": "ms per step",
    "milliseconds_waited_for": "ms per step, waited for",
    "points_per_second": "points/s",
    "share_of_bound": "share of the bound",
    "peak_memory_gb": "peak GB",
}
_EPOCH = {
    "epoch_seconds": "s",
    "planned_seconds": "s, planned",
    "points_per_second": "points/s",
    "input_points_per_second": "points/s, input",
    "peak_memory_gb": "peak GB",
    "planned_memory_gb": "GB, planned",
}
_OF_EVERY_STEP = ("seconds", "error")


def text(found: Found) -> str:
    """Returns the device and the tables of checks, training steps, their parts, epochs and answers."""
    device = found.get("device", {})
    return "\n\n".join(
        [
            f"{device.get('gpu') or 'There is no GPU; this is the CPU'}, TensorFlow {device.get('tensorflow')}",
            _checks(found),
            _table(found, "speed", "training", _SPEED),
            _list(found, "parts", "parts of an adversarial step", "ms"),
            _table(found, "epoch", "an epoch at Amazon-670K's size, repetitions side by side", _EPOCH),
            _list(found, "answers", "at Amazon-670K's size", "ms per point"),
        ]
    )


def ratios(found: Found) -> dict[str, float]:
    """Returns the speed-ups of precisions and of repetitions side by side, the costs of adversarial training, and measured over planned."""
    times = {step: one["milliseconds"] for step, one in _of(found, "speed").items() if "milliseconds" in one}
    result = {}
    for step, ms in times.items():
        setting, group, variant, precision = step.split("/")[1:]
        name = f"{setting}/{group}"
        others = {
            f"{name}/{variant}: float32/{precision}": f"speed/{setting}/{group}/{variant}/float32",
            f"{name}/{precision}: adversarial/clean": f"speed/{setting}/{group}/clean/{precision}",
            f"{setting}/{variant}/{precision}: side by side": f"speed/{setting}/1/{variant}/{precision}",
        }
        for ratio, other in others.items():
            if other not in times or other == step:
                continue
            if ratio.endswith("side by side"):
                result[ratio] = round(int(group) * times[other] / ms, 2)
            else:
                result[ratio] = round(ms / times[other] if "adversarial/clean" in ratio else times[other] / ms, 2)
    for step, one in _of(found, "epoch").items():
        for measured, planned in (("epoch_seconds", "planned_seconds"), ("peak_memory_gb", "planned_memory_gb")):
            if one.get(measured) and one.get(planned):
                result[f"{step}: {measured}/{planned}"] = round(one[measured] / one[planned], 2)
    return result


def _checks(found: Found) -> str:
    rows = [
        (
            step,
            f"failed: {one['error'][:80]}" if one["error"] else "same" if one["same"] else "DIFFERENT",
            f"{max(one['differences'].values()):.1e}" if "differences" in one else "",
        )
        for step, one in _of(found, "check").items()
    ]
    return tabulate(rows, ["check", "GPU and CPU", "largest relative difference"])


def _table(found: Found, kind: str, title: str, headers: dict[str, str]) -> str:
    """Returns a row for each step of a kind."""
    rows = [(step, *(one.get(name, one["error"]) for name in headers)) for step, one in _of(found, kind).items()]
    return tabulate(rows, [title, *headers.values()])


def _list(found: Found, kind: str, title: str, unit: str) -> str:
    """Returns a row for each field of the steps of a kind."""
    rows = [
        (step, name, value)
        for step, one in _of(found, kind).items()
        for name, value in one.items()
        if name not in _OF_EVERY_STEP
    ]
    return tabulate(rows, [title, "", unit])


def _of(found: Found, kind: str) -> Found:
    return {step: one for step, one in found.items() if step.split("/")[0] == kind}

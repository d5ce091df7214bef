"""Outcomes of attacks as named arrays, as an .npz file keeps them, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mach_tf.attacks.attack_run import Outcome

_ARRAYS = ("top_labels", "losses", "relative_norms")


def to_arrays(outcomes: Sequence[Outcome]) -> dict[str, np.ndarray]:
    """Returns the arrays of outcomes, those of the first beginning with "0/", and those of its parts with "0/parts/"."""
    arrays = {}
    for i, outcome in enumerate(outcomes):
        arrays.update({f"{i}/{name}": array for name, array in _arrays(outcome).items()})
    return arrays


def from_arrays(arrays: Mapping[str, np.ndarray]) -> list[Outcome]:
    """Returns the outcomes of `to_arrays`."""
    return [_outcome(each) for _, each in sorted(_groups(arrays).items(), key=lambda item: int(item[0]))]


def _arrays(outcome: Outcome) -> dict[str, np.ndarray]:
    arrays = {name: getattr(outcome, name) for name in _ARRAYS}
    arrays["epsilon"] = np.array(outcome.epsilon)
    if outcome.targets is not None:
        arrays["targets"] = outcome.targets
    for part, each in outcome.parts.items():
        arrays.update({f"parts/{part}/{name}": array for name, array in _arrays(each).items()})
    return arrays


def _outcome(arrays: Mapping[str, np.ndarray]) -> Outcome:
    parts = {name.removeprefix("parts/"): array for name, array in arrays.items() if name.startswith("parts/")}
    return Outcome(
        epsilon=float(arrays["epsilon"]),
        top_labels=arrays["top_labels"],
        losses=arrays["losses"],
        relative_norms=arrays["relative_norms"],
        targets=arrays.get("targets"),
        parts={name: _outcome(each) for name, each in _groups(parts).items()},
    )


def _groups(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Returns the arrays by what stands before the first slash of their names."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = array
    return groups

"""Points whose features are given by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from mach_tf.serving.service.problems import invalid, shown

NAMED = "features"


def has_names(body: Any) -> bool:
    """Returns whether any point of a parsed body gives features by name."""
    points = body.get("points") if isinstance(body, dict) else None
    return isinstance(points, list) and any(isinstance(point, dict) and NAMED in point for point in points)


def with_ids(body: dict[str, Any], ids: Optional[Mapping[str, int]]) -> dict[str, Any]:
    """Returns the body with ids in place of names.

    Args:
      body: for which `has_names` holds: its points are objects of `feature_ids` and `feature_values`, or of `features`, an object of
        names and values.
      ids: the id of each feature by its name; None if features have no names.

    Raises:
      RequestError: an unknown name, or a model without names.
    """
    if ids is None:
        raise invalid(
            "This model knows its features by their ids alone: give feature_ids and feature_values, or export it with --feature_names."
        )
    return {**body, "points": [_point(point, place, ids) for place, point in enumerate(body["points"])]}


def _point(point: Any, place: int, ids: Mapping[str, int]) -> Any:
    if not isinstance(point, dict) or NAMED not in point:
        return point
    named = point[NAMED]
    if len(point) > 1 or not isinstance(named, dict):
        raise invalid(
            f"features must be an object of names and values, and stand alone (those of point {place} do not)."
        )
    for name in named:
        if name not in ids:
            raise invalid(f"point {place}: this model has no feature with the name {shown(name)}.")
    return {"feature_ids": [ids[name] for name in named], "feature_values": list(named.values())}

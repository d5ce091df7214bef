"""The shapes at which training is measured."""

from __future__ import annotations

from typing import Any

SETTINGS: dict[str, dict[str, Any]] = {
    "reference": {"columns": 50_000, "hidden": 4096, "buckets": 2000, "points": 256, "features": 76, "group": 1},
    "small": {"columns": 18_407, "hidden": 512, "buckets": 1000, "points": 128, "features": 103, "group": 8},
    "amazon-670k": {"columns": 50_000, "hidden": 512, "buckets": 2000, "points": 512, "features": 76, "group": 8},
    "dense": {"columns": 10_000, "hidden": 512, "buckets": 1000, "points": 128, "features": 76, "group": 1},
}
# For tests of the programs that measure.
TINY: dict[str, Any] = {"columns": 60, "hidden": 8, "buckets": 5, "points": 4, "features": 6, "group": 2}

"""What robustness.json holds of every model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mach_tf.evaluation.minimal_epsilon import MinimalEpsilon
from mach_tf.evaluation.model_robustness import Robustness


def robustness_content(
    models: Mapping[str, Robustness], minimal_epsilons: Mapping[str, MinimalEpsilon]
) -> list[dict[str, Any]]:
    """Returns one object per model.

    Args:
      models: the results by model directory.
      minimal_epsilons: the smallest sizes that change top labels, by model directory; models may be missing.
    """
    content = []
    for name, robustness in models.items():
        one = {"model_dir": name, **robustness.to_json()}
        if name in minimal_epsilons:
            one["minimal_epsilon"] = minimal_epsilons[name].to_json()
        content.append(one)
    return content

"""What robustness.json holds of every model."""

import numpy as np

from mach_tf.evaluation.minimal_epsilon import MinimalEpsilon
from mach_tf.evaluation.model_robustness import Robustness
from mach_tf.evaluation.robustness_content import robustness_content
from tests.helpers.attack_entries import attack_entry


def test_models_in_order_with_what_there_is_of_each():
    models = {name: Robustness((attack_entry("fgsm", 0.1, {"P@1": 50.0}),), (1,)) for name in ("b", "a")}
    minimal = MinimalEpsilon(0.1, np.array([0]), np.array([0.05]))
    content = robustness_content(models, {"a": minimal})
    assert [one["model_dir"] for one in content] == ["b", "a"]
    assert "minimal_epsilon" not in content[0]
    assert content[1]["minimal_epsilon"] == minimal.to_json()
    assert content[0]["attacks"] == [models["b"].entries[0].to_json()]

"""train.export through its flags."""

from __future__ import annotations

import json

import tensorflow as tf

from mach_tf.manifest import ModelManifest
from tests.helpers import programs


def test_the_program_exports_with_names_and_an_evaluation(world, tmp_path):
    output = tmp_path / "servables" / "small" / "7"
    evaluation = tmp_path / "metrics.json"
    evaluation.write_text(
        json.dumps(
            {
                "points": 12,
                "split": "test",
                "estimator": "logit_mean",
                "repetitions": ModelManifest.read(world.model).bucket_spec.repetitions,
                "dataset_fingerprint": "of another",
                "metrics": {"P@1": 12.5},
            }
        )
    )
    programs.run(
        "train.export",
        f"--model_dir={world.model}",
        f"--output_dir={output}",
        f"--label_names={world.dataset}/label_names.txt",
        f"--feature_names={world.dataset}/feature_names.txt",
        f"--evaluation={evaluation}",
        "--weights=int8",
        "--prune=0.25",
        "--prune_entries=0.5",
    )
    card = (output / "README.md").read_text()
    assert "12.50" in card and "50% of the weights of the first layer's other rows left out" in card
    loaded = tf.saved_model.load(str(output))
    found = loaded.signatures["explain"](
        row_splits=tf.constant([0, 1], tf.int64),
        feature_ids=tf.constant([7], tf.int64),
        feature_values=tf.constant([1.0]),
        k=tf.constant(2),
    )
    assert found["feature_names"].numpy()[0, 0, 0] == b"<script>alert(1)</script>"
    assert b"label" in found["label_names"].numpy()[0, 0]

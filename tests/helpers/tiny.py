"""Training on a tiny dataset, through the program's flags."""

from __future__ import annotations

from mach_tf import manifest
from mach_tf.saved_repetition import load_repetition
from tests.helpers import programs

POINTS, FEATURES, LABELS, REPETITIONS = 60, 50, 20, 3


def arguments(dataset, model, **changes):
    settings = {
        "dataset_dir": dataset,
        "model_dir": model,
        "buckets": 8,
        "repetitions": REPETITIONS,
        "hidden_units": 16,
        "epochs": 3,
        "batch_size": 16,
        "learning_rate": 0.01,
        "group_size": 2,
        "dropout": 0.2,
        "feature_dropout": 0.1,
        "learning_rate_decay": "linear",
        "strategy": "one_device",
        **changes,
    }
    return [f"--{name}={value}" for name, value in settings.items()]


def train(dataset, model, **changes):
    programs.run("train.main", *arguments(dataset, model, **changes))


def weights(model, repetition):
    shape = manifest.ModelManifest.read(model).shape
    return [v.numpy() for v in load_repetition(manifest.repetition_directory(model, repetition), shape).weights]

"""Trains mach_tf on the files of a comparison, or predicts with it, and measures both: the counterpart of peer_programs/peer.py.

    python -m benchmarks.peers_ours '{"stage": "train", ...}'

The one argument is a JSON object as that program takes it, with two differences. The stage "prepare" writes the dataset directory alone, so
that it costs no memory of the training. `settings` are those of mach_tf.fit and `preprocessing`, which names the preset whose features are
made; without it they are those that mach_tf makes by default.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
from typing import Any, Optional

import numpy as np
import scipy.sparse

import mach_tf
from benchmarks.peer_programs.peer import TIMED_LABELS, Clock, peak_mb
from mach_tf import files, presets
from mach_tf.estimators import DEFAULT_ESTIMATOR
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DATASET_FILE, DatasetManifest

_WARM_UP_POINTS = 64


def main(request: dict[str, Any]) -> None:
    """Does what a request asks for, and writes its output."""
    settings = dict(request["settings"])
    dataset = write_dataset(request["data"], settings.pop("preprocessing", ""))
    if request["stage"] == "prepare":
        return
    if request["stage"] == "train":
        import tensorflow  # noqa: F401 - its import is not a part of training, as the peers' imports are not

        clock = Clock()
        model = mach_tf.fit(
            dataset,
            request["model"],
            curves=False,
            progress=False,
            checkpoint_minutes=None,
            validation_points=0,
            **settings,
        )
        assert model is not None
        spec = model.manifest.bucket_spec
        measured = {**clock.elapsed(), "peak_mb": peak_mb(), "buckets": spec.buckets, "repetitions": spec.repetitions}
        files.write_json(request["output"], measured)
        return
    model = mach_tf.Ensemble.load(request["model"])
    texts = _texts(request["data"])
    if texts is None:
        features = model.hash(scipy.sparse.load_npz(os.path.join(request["data"], "test.x.npz")).tocsr())
    else:
        features = model.hash_points(model.texts.points(texts))
    timed = min(TIMED_LABELS, model.labels)
    model.decode(features[:_WARM_UP_POINTS], timed, DEFAULT_ESTIMATOR)
    clock = Clock()
    model.decode(features, timed, DEFAULT_ESTIMATOR)
    arrays: dict[str, Any] = {**clock.elapsed(), "peak_mb": peak_mb()}
    labels = model.decode(features, min(request["top"], model.labels), DEFAULT_ESTIMATOR).labels
    names = DatasetManifest.read(dataset).read_label_names(dataset)
    if texts is not None and names is not None:
        labels = np.array([int(name) for name in names], np.int32)[labels]
    np.savez_compressed(request["output"], **{**arrays, "labels": labels})


def write_dataset(folder: str, preset: str) -> str:
    """Returns the dataset directory for mach_tf of a comparison's training points, written if it is missing.

    Args:
      folder: the comparison's files.
      preset: the preset whose features are made, with raw ids; empty for the default features.
    """
    output = os.path.join(folder, f"dataset-{preset or 'default'}")
    if os.path.isfile(os.path.join(output, DATASET_FILE)):
        return output
    shutil.rmtree(output, ignore_errors=True)
    records = os.path.join(folder, "train.jsonl")
    if os.path.isfile(records):
        options = preprocessing(preset) if preset else {}
        fields: dict[str, Any] = {"text_fields": ["text"], "label_field": ["labels"]}
        mach_tf.preprocess(output, train=records, progress=False, **fields, **options)
        return output
    x, y = (scipy.sparse.load_npz(os.path.join(folder, f"train.{name}.npz")).tocsr() for name in "xy")
    mach_tf.write_dataset(x, y, output, spec=FeatureSpec(dim=0) if preset else None)
    return output


def preprocessing(preset: str) -> dict[str, Any]:
    """Returns the arguments of mach_tf.preprocess that a preset's flagfile of preprocessing holds; none if there is no such file."""
    path = os.path.join(os.path.dirname(presets.path(preset)), "preprocess", f"{preset}.flags")
    if not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8") as file:
        lines = [line.strip()[2:].partition("=") for line in file if line.startswith("--")]
    return {name: ast.literal_eval(value) for name, _, value in lines}


def _texts(folder: str) -> Optional[list[str]]:
    """Returns the texts to predict; None if the data are bags of words."""
    path = os.path.join(folder, "test.jsonl")
    if not os.path.isfile(path):
        return None
    with open(path, encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

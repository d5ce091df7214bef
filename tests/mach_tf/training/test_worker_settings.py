from __future__ import annotations

import dataclasses
import json

import pytest

from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.training import checkpoints, worker_settings
from mach_tf.training.run_options import RunOptions
from mach_tf.training_config import TrainingConfig
from tests.mach_tf.training.test_resume import MANIFEST

WORKERS = ["a:1", "b:2", "c:3"]


def gathered(tmp_path, model=MANIFEST, pending=(0, 1), **options):
    return worker_settings.gather(str(tmp_path), model, RunOptions("multiworker", **options), pending)


def difference(*found):
    with pytest.raises(InputError) as raised:
        worker_settings.check_same(found, WORKERS[: len(found)])
    begin, described, end = str(raised.value).replace(", but ", "\n").replace(". Start", "\nStart").split("\n")
    assert begin == "All workers must be started with the same settings and the same directories"
    assert end == "Start each with the same command."
    return described


def test_the_same_everywhere_passes(tmp_path):
    settings = gathered(tmp_path, repetition_range=(0, 2))
    assert settings == json.loads(json.dumps(settings))
    for count in (1, 2, 3):
        worker_settings.check_same([settings] * count, WORKERS)


# Settings of one method of adversarial training alone.
_METHOD_OF = {"adversarial_steps": "pgd", "ibp_ramp": "ibp"}


def changed(value):
    """Another value of the same kind; a setting has few kinds."""
    if isinstance(value, bool):
        return not value
    others = {"none": "linear", "linear": "none", "laprop": "adam", "nonzero": "dense", "multilabel": "multiclass"}
    others["fgsm"] = "n_fgsm"
    return others[value] if isinstance(value, str) else value / 2 if 0 < value < 1 else value + 1 if value else 0.5


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(TrainingConfig)])
def test_every_training_setting_is_compared(tmp_path, field):
    ours = dataclasses.replace(MANIFEST.training, adversarial=_METHOD_OF.get(field, "fgsm"))
    value = changed(getattr(ours, field)) if field != "seed" else 1
    same = dataclasses.replace(MANIFEST, training=ours)
    theirs = dataclasses.replace(MANIFEST, training=dataclasses.replace(ours, **{field: value}))
    described = difference(gathered(tmp_path, same), gathered(tmp_path, theirs), gathered(tmp_path, same))
    assert described == f"{field}={getattr(ours, field)!r} at a:1, c:3 and {field}={value!r} at b:2"


@pytest.mark.parametrize(
    ("changes", "described"),
    [
        (
            {"bucket_spec": BucketSpec(3, 6, "universal")},
            "label_hash='murmur3' at a:1 and label_hash='universal' at b:2",
        ),
        ({"bucket_spec": BucketSpec(4, 6)}, "buckets=3 at a:1 and buckets=4 at b:2"),
        ({"bucket_spec": BucketSpec(3, 7)}, "repetitions=6 at a:1 and repetitions=7 at b:2"),
        (
            {"dataset_fingerprint": "0123456789ab" + 52 * "c"},
            "dataset_fingerprint='abc' at a:1 and dataset_fingerprint=0123456789ab... at b:2",
        ),
        (
            {"bucket_spec": BucketSpec(3, 6, seed=5), "training": TrainingConfig(epochs=2, seed=5)},
            "seed=0 at a:1 and seed=5 at b:2",
        ),
    ],
)
def test_what_differs_is_named_once_with_its_argument(tmp_path, changes, described):
    assert difference(gathered(tmp_path), gathered(tmp_path, dataclasses.replace(MANIFEST, **changes))) == described


def test_range_and_groups_are_compared(tmp_path):
    ours = gathered(tmp_path, repetition_range=(0, 2))
    assert difference(ours, gathered(tmp_path, repetition_range=(0, 3), pending=(0, 1, 2))) == (
        "repetition_range=[0, 2] at a:1 and repetition_range=[0, 3] at b:2; "
        "repetitions left to train=[0, 1] at a:1 and repetitions left to train=[0, 1, 2] at b:2"
    )
    assert (
        difference(gathered(tmp_path), gathered(tmp_path, group_size=2))
        == "group_size='auto' at a:1 and group_size=2 at b:2"
    )
    planned = tmp_path / "planned"
    planned.mkdir()
    dataclasses.replace(MANIFEST, run={"groups": [[0, 1]]}).write(str(planned))
    assert "groups in model.json=[] at a:1 and groups in model.json=[[0, 1]] at b:2" in difference(
        gathered(tmp_path), gathered(planned)
    )


def test_model_directories_that_are_not_shared_differ_once_one_has_a_checkpoint(tmp_path):
    state = tmp_path / "m" / "checkpoints" / "repetitions-000" / "epoch-0001-step-00000000"
    state.mkdir(parents=True)
    checkpoints.write_state(str(state), {"repetitions": [0, 1], "epoch": 1, "step": 0})
    assert difference(gathered(tmp_path / "m"), gathered(tmp_path / "other")) == (
        "checkpoints in model_dir=['checkpoints/repetitions-000/epoch-0001-step-00000000'] at a:1 and "
        "checkpoints in model_dir=[] at b:2"
    )

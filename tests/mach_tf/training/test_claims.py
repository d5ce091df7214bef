"""Claims of processes on repetitions; tests/train/test_two_trainings.py has two whole trainings."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import os

import pytest

from mach_tf import locks
from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import ModelManifest, repetition_directory
from mach_tf.training import claims
from mach_tf.training_config import TrainingConfig
from tests.helpers.processes import holding
from tests.helpers.rankers import random_ranker

MANIFEST = ModelManifest(
    10, 4, FeatureSpec(8), BucketSpec(3, 6), TrainingConfig(epochs=2), "abc", {"tensorflow": "2.15.1"}, {}
)
OTHER = dataclasses.replace(MANIFEST, bucket_spec=BucketSpec(3, 6, seed=7))
HOLD = """
from mach_tf.manifest import ModelManifest
from mach_tf.training import claims
with claims.claimed(sys.argv[1], ModelManifest.read(sys.argv[1]), [1, 2], [(1, 2)]): hold()
"""


def test_a_claim_writes_model_json_and_leaves_nothing_else(tmp_path):
    path = str(tmp_path / "new" / "model")
    with claims.claimed(path, MANIFEST, [0, 1], [(0,), (1,)]):
        assert ModelManifest.read(path) == MANIFEST and len(os.listdir(path)) == 2
    assert os.listdir(path) == ["model.json"]


@pytest.mark.parametrize("manifest", [MANIFEST, OTHER])
def test_the_second_is_told_who_trains(tmp_path, manifest):
    path = str(tmp_path)
    claims.start(path, MANIFEST)
    with holding(HOLD, path) as other:
        message = (
            rf"repetition 2 must be trained by one process at a time, and process {other.pid} on .*repetition_range"
        )
        with pytest.raises(InputError, match=message), claims.claimed(path, manifest, [2, 3], [(2, 3)]):
            pass
        with pytest.raises(InputError, match=message):
            claims.check_free(path, [0, 2])
        with claims.claimed(path, MANIFEST, [0, 3], [(0,), (3,)]):
            claims.check_free(path, [4, 5])
    assert os.listdir(path) == ["model.json"]


def test_of_two_settings_the_first_to_claim_wins(tmp_path):
    with claims.claimed(str(tmp_path), MANIFEST, [0], [(0,)]):
        with pytest.raises(InputError, match=r"bucket_spec\.seed was 0, is now 7"):
            with claims.claimed(str(tmp_path), OTHER, [1], [(1,)]):
                pass
        with pytest.raises(InputError, match=r"bucket_spec\.seed was 0, is now 7"):
            claims.start(str(tmp_path), OTHER)
    assert ModelManifest.read(str(tmp_path)) == MANIFEST


def test_claims_of_killed_processes_are_void_and_removed(tmp_path):
    path = str(tmp_path)
    claims.start(path, MANIFEST)
    with holding(HOLD, path) as other:
        other.kill()
        other.wait()
    assert len(os.listdir(path)) == 2
    claims.check_free(path, [1, 2])
    with claims.claimed(path, MANIFEST, [1, 2], [(1, 2)]):
        assert len(os.listdir(path)) == 2
    assert os.listdir(path) == ["model.json"]


def test_files_of_the_users_own_with_such_names_stay(tmp_path):
    claims.start(str(tmp_path), MANIFEST)
    for name in (".training-0123abcd.lock", ".training-mine.lock"):
        (tmp_path / name).write_text("mine")
    with claims.claimed(str(tmp_path), MANIFEST, [1, 2], [(1, 2)]):
        pass
    assert (tmp_path / ".training-0123abcd.lock").read_text() == "mine" and len(os.listdir(tmp_path)) == 3


def test_what_another_process_finished_meanwhile_is_not_trained_again(tmp_path):
    """Exported before the run began, repetition 2 belongs to a group that goes on from its checkpoint; 1 was exported since."""
    for repetition in (1, 2):
        os.mkdir(repetition_directory(str(tmp_path), repetition))
    with claims.claimed(str(tmp_path), MANIFEST, [0], [(0, 2)]):
        pass
    with pytest.raises(InputError, match=r"just finished repetition 1\. Run the same command again"):
        with claims.claimed(str(tmp_path), MANIFEST, [0, 1], [(0, 1, 2)]):
            pass


def test_a_ranker_is_written_and_recorded_at_once(tmp_path):
    """Two machines may train the ranker at the same time; the file must be the one that model.json records."""
    path = str(tmp_path)
    claims.start(path, MANIFEST)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with locks.exclusive(os.path.join(path, ".lock")):
            adding = pool.submit(claims.add_ranker, path, random_ranker(4, 8))
            assert not concurrent.futures.wait([adding], 0.3).done
            assert not os.path.exists(os.path.join(path, "ranker.npz"))
        adding.result()
    with open(os.path.join(path, "ranker.npz"), "rb") as file:
        assert ModelManifest.read(path).ranker_sha256 == hashlib.sha256(file.read()).hexdigest()

from __future__ import annotations

import copy
import dataclasses
import gc
import os
import pickle
import shutil

import numpy as np
import pytest
import scipy.sparse

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.fitted.stored_model import StoredModel, temporary_directory
from mach_tf.manifest import ModelManifest
from tests.helpers import model_directory, rankers

X = scipy.sparse.random(7, 60, 0.3, "csr", random_state=0)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    model_directory.write(str(path))
    (path / "tensorboard").mkdir()
    (path / "checkpoints").mkdir()
    (path / "checkpoints" / "large.npy").write_bytes(b"1" * 1000)
    (path / "notes.txt").write_text("not of the model")
    return str(path)


@pytest.fixture(scope="module")
def named(directory, tmp_path_factory):
    """The same model with a file of label names."""
    path = tmp_path_factory.mktemp("named") / "model"
    shutil.copytree(directory, path)
    (path / "label_names.txt").write_text("".join(f"name {label}\n" for label in range(30)))
    manifest = ModelManifest.read(directory)
    kept = {"label_names.txt": files.sha256(str(path / "label_names.txt"))}
    dataclasses.replace(manifest, files_sha256=kept).write(str(path))
    return str(path)


def predict(stored):
    return stored.open().predict(X).toarray()


def test_it_is_opened_once(directory):
    stored = StoredModel(directory)
    assert stored.open() is stored.open()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda stored: pickle.loads(pickle.dumps(stored))])
@pytest.mark.parametrize("opened", [False, True])
def test_a_copy_has_the_files_of_its_own(directory, tmp_path, copied, opened):
    source = str(tmp_path / "model")
    shutil.copytree(directory, source)
    stored = StoredModel(source)
    before = predict(StoredModel(directory))
    if opened:
        stored.open()
    again = copied(stored)
    shutil.rmtree(source)
    assert again.directory != source
    assert sorted(os.listdir(again.directory)) == ["model.json", *(f"repetition-{r:03d}" for r in range(3))]
    np.testing.assert_array_equal(predict(again), before)


def test_files_are_copied_without_logs_and_checkpoints(directory, tmp_path):
    StoredModel(directory).copy_to(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["model.json", *(f"repetition-{r:03d}" for r in range(3))]
    np.testing.assert_array_equal(predict(StoredModel(str(tmp_path))), predict(StoredModel(directory)))


def test_the_names_of_labels_go_with_the_model(named, tmp_path):
    StoredModel(named).copy_to(str(tmp_path))
    packed = pickle.loads(pickle.dumps(StoredModel(named)))
    assert (
        StoredModel(str(tmp_path)).open().label_names == packed.open().label_names == [f"name {i}" for i in range(30)]
    )


@pytest.mark.parametrize("ranker", [True, False])
def test_the_ranker_goes_with_the_model(directory, tmp_path, ranker):
    ranked = StoredModel(rankers.with_ranker(directory, str(tmp_path / "ranked"), 30, 40), ranker=ranker)
    expected = predict(ranked)
    assert np.array_equal(expected, predict(StoredModel(directory))) is not ranker
    (tmp_path / "copy").mkdir()
    ranked.copy_to(str(tmp_path / "copy"))
    packed = pickle.loads(pickle.dumps(ranked))
    for again in (StoredModel(str(tmp_path / "copy"), ranker=ranker), packed, copy.deepcopy(packed)):
        assert again.ranker is ranker
        np.testing.assert_array_equal(predict(again), expected)


def test_a_temporary_directory_goes_with_its_object_and_others_stay(directory):
    made = temporary_directory()
    stored = StoredModel(made, temporary=True)
    copied = copy.deepcopy(StoredModel(directory))
    unpacked = copied.directory
    assert os.path.isdir(made) and os.path.isdir(unpacked)
    del stored, copied
    gc.collect()
    assert not os.path.exists(made) and not os.path.exists(unpacked)
    assert os.path.isdir(directory)


def test_another_process_leaves_the_directory_alone():
    made = temporary_directory()
    stored = StoredModel(made, temporary=True)
    child = os.fork()
    if not child:
        del stored
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert os.path.isdir(made)
    del stored
    gc.collect()
    assert not os.path.exists(made)


def test_a_directory_without_a_model_is_refused_when_it_is_opened(tmp_path):
    with pytest.raises(InputError, match="holds no model"):
        StoredModel(str(tmp_path)).open()
    model_directory.write(str(tmp_path))
    shutil.rmtree(tmp_path / "repetition-001")
    assert ModelManifest.read(str(tmp_path)).bucket_spec.repetitions == 3
    with pytest.raises(InputError, match="lacks repetition-001"):
        StoredModel(str(tmp_path)).open()

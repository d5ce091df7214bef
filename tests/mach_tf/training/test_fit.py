from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest, repetition_directory
from mach_tf.training import fit as module
from mach_tf.training.stop import StopSignal
from tests.helpers import tiny

SMALL = {
    "strategy": "one_device",
    "hidden_units": 8,
    "repetitions": 6,
    "batch_size": 16,
    "epochs": 2,
    "progress": False,
}


@pytest.fixture(scope="module")
def fitted(dataset, tmp_path_factory):
    model_dir = str(tmp_path_factory.mktemp("models") / "fitted")
    return mach_tf.fit(dataset, model_dir, **SMALL)


def all_weights(model_dir, repetitions=6):
    return [array for repetition in range(repetitions) for array in tiny.weights(model_dir, repetition)]


def assert_same_bits(ours, theirs):
    for mine, other in zip(ours, theirs):
        np.testing.assert_array_equal(mine, other)


def test_the_model_is_opened_and_predicts(fitted):
    assert isinstance(fitted, Ensemble)
    features = scipy.sparse.random(3, tiny.FEATURES, 0.2, "csr", np.float32, np.random.default_rng(0))
    assert fitted.predict(features, k=4).nnz == 12


def test_the_same_call_gives_the_same_bits(dataset, fitted, tmp_path):
    mach_tf.fit(dataset, tmp_path / "again", **SMALL)
    ours, theirs = (ModelManifest.read(path) for path in (str(tmp_path / "again"), fitted.model_dir))
    assert ours.decisive() == theirs.decisive()
    assert_same_bits(all_weights(str(tmp_path / "again")), all_weights(fitted.model_dir))


def test_keywords_win_over_the_plan(fitted):
    assert fitted.manifest.training.hidden_units == 8 and fitted.manifest.training.epochs == 2
    assert fitted.manifest.bucket_spec.repetitions == 6
    assert fitted.manifest.training.batch_size == 16 and fitted.manifest.bucket_spec.buckets == 50, "by the rules"


def test_a_preset(dataset, tmp_path):
    options = {"epochs": 1, "repetitions": 1, "progress": False, "strategy": "one_device"}
    with pytest.warns(UserWarning, match="buckets=100 exceeds the 20 labels"):
        model = mach_tf.fit(dataset, tmp_path / "model", plan="bibtex", **options)
    assert model.manifest.bucket_spec.buckets == 100 and model.manifest.training.hidden_units == 128


def test_what_is_trained_is_opened_without_its_settings(dataset, fitted):
    before = os.stat(repetition_directory(fitted.model_dir, 0)).st_mtime_ns
    again = mach_tf.fit(dataset, fitted.model_dir, progress=False)
    assert again.manifest == fitted.manifest
    assert os.stat(repetition_directory(fitted.model_dir, 0)).st_mtime_ns == before


def test_an_existing_model_with_other_settings_is_refused_by_the_names_of_arguments(dataset, fitted):
    with pytest.raises(InputError, match=r"Give repetitions=6, epochs=2, or another model_dir\.$"):
        mach_tf.fit(dataset, fitted.model_dir, epochs=5, repetitions=4)


def test_interrupted_it_says_how_to_go_on_and_does(dataset, fitted, tmp_path, monkeypatch):
    asked, before = [], signal.getsignal(signal.SIGINT)
    term = signal.getsignal(signal.SIGTERM)

    def interrupt_at_the_fourth(self):
        asked.append(signal.getsignal(signal.SIGTERM))
        if len(asked) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return self._number != 0

    monkeypatch.setattr(StopSignal, "requested", interrupt_at_the_fourth)
    model_dir = str(tmp_path / "model")
    with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
        mach_tf.fit(dataset, model_dir, **SMALL)
    assert set(asked) == {term}, "SIGTERM is left to the caller"
    assert signal.getsignal(signal.SIGINT) is before
    assert os.listdir(os.path.join(model_dir, "checkpoints")) == ["repetitions-000"]
    monkeypatch.undo()
    assert isinstance(mach_tf.fit(dataset, model_dir, strategy="one_device", progress=False), Ensemble)
    assert_same_bits(all_weights(model_dir), all_weights(fitted.model_dir))


def test_another_thread_trains_without_handlers(dataset, fitted, tmp_path):
    found = []
    thread = threading.Thread(target=lambda: found.append(mach_tf.fit(dataset, tmp_path / "model", **SMALL)))
    thread.start()
    thread.join()
    assert_same_bits(all_weights(found[0].model_dir), all_weights(fitted.model_dir))


def test_parts_give_none_until_all_are_there(dataset, fitted, tmp_path):
    assert mach_tf.fit(dataset, tmp_path / "model", repetition_range=(2, 6), **SMALL) is None
    model = mach_tf.fit(dataset, tmp_path / "model", repetition_range=(0, 2), **SMALL)
    for ours, theirs in zip(all_weights(model.model_dir), all_weights(fitted.model_dir)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_progress_is_drawn_on_stderr_or_not(dataset, tmp_path, capsys, terminal):
    mach_tf.fit(dataset, tmp_path / "quiet", **SMALL)
    assert capsys.readouterr() == ("", "")
    mach_tf.fit(dataset, tmp_path / "shown", **{**SMALL, "progress": True})
    shown = capsys.readouterr()
    assert shown.out == "" and "group 1/1" in shown.err


def test_what_is_unusual_is_a_warning_at_the_callers_line(dataset, tmp_path):
    with pytest.warns(UserWarning, match="^batch_size=999 is larger than the data") as caught:
        mach_tf.fit(dataset, tmp_path / "model", **{**SMALL, "batch_size": 999})
    assert [warning.filename for warning in caught if "batch_size" in str(warning.message)] == [__file__]


def test_a_refused_call_does_not_wait_for_tensorflow(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(module.startup, "prepare", lambda: pytest.fail("it was too late"))
    with pytest.raises(InputError, match=r"^epochs must be at least 1 \(got 0\)\.$"):
        mach_tf.fit(dataset, tmp_path / "model", epochs=0)
    with pytest.raises(InputError, match=r"^group_size must be auto or"):
        mach_tf.fit(dataset, tmp_path / "model", group_size=0)
    assert not os.path.exists(tmp_path / "model")


def test_a_model_that_nobody_looks_into_is_the_same(dataset, fitted, tmp_path):
    model = mach_tf.fit(dataset, tmp_path / "model", **SMALL, checkpoint_minutes=None, curves=False)
    assert sorted(os.listdir(model.model_dir)) == [
        "label_counts.npy",
        "model.json",
        "ranker.npz",
        *(f"repetition-{r:03d}" for r in range(6)),
    ]
    assert_same_bits(all_weights(model.model_dir), all_weights(fitted.model_dir))


def test_matrices_are_refused_with_the_way_to_give_them():
    features = scipy.sparse.csr_matrix((3, 4))
    with pytest.raises(
        InputError, match=r"^dataset_dir must be a path \(got csr_matrix\)\. Write matrices with mach_tf\.write_"
    ):
        mach_tf.fit(features, features)
    with pytest.raises(InputError, match=r"^model_dir must be a path \(got int\)\.$"):
        mach_tf.fit("data", 3)


def test_the_dataset_directory_is_no_model_directory(dataset):
    before = sorted(os.listdir(dataset))
    with pytest.raises(InputError, match="model_dir must be new, empty or a model directory"):
        mach_tf.fit(dataset, dataset, **SMALL)
    assert sorted(os.listdir(dataset)) == before


@pytest.mark.parametrize("method", ["ibp", *(pytest.param(name, marks=pytest.mark.slow) for name in ("n_fgsm", "pgd"))])
def test_each_adversarial_method_is_recorded_and_goes_on_after_a_stop(dataset, tmp_path, monkeypatch, method):
    """On two devices, with a ranker beside the repetitions."""
    settings = {**SMALL, "strategy": "mirrored", "repetitions": 2, "ranker": True, "adversarial": method}
    whole = mach_tf.fit(dataset, tmp_path / "whole", **settings)
    asked = []

    def interrupt_at_the_fourth(self):
        asked.append(1)
        if len(asked) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return self._number != 0

    monkeypatch.setattr(StopSignal, "requested", interrupt_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        mach_tf.fit(dataset, tmp_path / "stopped", **settings)
    monkeypatch.undo()
    stopped = mach_tf.fit(dataset, tmp_path / "stopped", strategy="mirrored", progress=False)
    assert stopped.manifest.training.adversarial == method and stopped.ranker is not None
    assert_same_bits(all_weights(str(tmp_path / "stopped"), 2), all_weights(whole.model_dir, 2))
    with pytest.raises(
        InputError, match=rf"training\.adversarial was '{method}', is now 'fgsm'.* Give adversarial='{method}'"
    ):
        mach_tf.fit(dataset, tmp_path / "stopped", strategy="mirrored", progress=False, adversarial="fgsm")

from __future__ import annotations

import json

import pytest

from mach_tf.errors import InputError
from mach_tf.serving import card_evaluation

FOUND = {
    "points": 12,
    "split": "test",
    "dataset_fingerprint": "abc",
    "estimator": "mean",
    "repetitions": 4,
    "metrics": {"P@1": 50.0},
    "intervals": {"P@1": [40.0, 60.0]},
    "calibration": {"mean": {"expected_calibration_error": 0.25}},
    "attacks": [{"attack": "pgd", "epsilon": 0.1, "metrics": {"P@1": 30.0}, "method": "pgd"}],
}


@pytest.fixture
def read(tmp_path):
    def written(found, *scores):
        (tmp_path / "metrics.json").write_text(json.dumps(found))
        return card_evaluation.read(str(tmp_path / "metrics.json"), *scores)

    return written


def test_what_the_card_shows_is_read(read):
    found = read(FOUND, "mean", 4)
    assert (found.points, found.split, found.dataset_fingerprint) == (12, "test", "abc")
    assert found.metrics == {"P@1": 50} and found.intervals == {"P@1": (40, 60)} and found.calibration_error == 0.25
    assert found.attacks == [card_evaluation.Attacked("pgd", 0.1, {"P@1": 30})]


def test_intervals_attacks_and_calibration_may_be_missing(read):
    few = {
        name: FOUND[name] for name in ("points", "split", "dataset_fingerprint", "estimator", "repetitions", "metrics")
    }
    found = read(few, "mean", 4)
    assert not found.intervals and not found.attacks and found.calibration_error is None


def test_certificates_are_read(read):
    sizes = [{"epsilon": 0.01, "metrics": {"certified P@1": 20.0}}]
    found = read({**FOUND, "certificates": {"support": "dense", "sizes": sizes}}, "mean", 4)
    assert found.certificates == [card_evaluation.Certified(0.01, "dense", {"certified P@1": 20.0})]
    assert not read(FOUND, "mean", 4).certificates


@pytest.mark.parametrize("scores", [("logit_mean", 4), ("mean", 3)])
def test_an_evaluation_of_other_scores_is_refused(read, scores):
    with pytest.raises(InputError, match=r"^evaluation must be of the servable's scores.* is of mean with 4\)"):
        read(FOUND, *scores)


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": None},
        {"points": "many"},
        {"attacks": [{}]},
        {"intervals": {"P@1": [1]}},
        {"certificates": {"sizes": 3}},
    ],
)
def test_another_file_is_refused(read, change):
    with pytest.raises(InputError, match=r"must be a metrics\.json that mach-eval wrote"):
        read({**FOUND, **change}, "mean", 4)


def test_what_another_file_lacks_is_named(read):
    with pytest.raises(InputError, match=r"wrote \(it has no 'estimator'\)"):
        read({"points": 3}, "mean", 4)

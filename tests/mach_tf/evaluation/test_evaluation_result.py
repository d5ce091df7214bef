"""An evaluation as a table, as JSON, in a notebook and on disk."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import types

import numpy as np
import pytest

from mach_tf.evaluation.comparison import Comparison
from mach_tf.evaluation.evaluation_parts import CurvePoint, Decoding, Losses, Seconds
from mach_tf.evaluation.evaluation_result import Evaluation
from mach_tf.evaluation.model_robustness import Robustness
from mach_tf.metrics import calibration
from mach_tf.metrics.bootstrap import Difference
from mach_tf.metrics.breakdown import LabelGroup
from mach_tf.metrics.ranking_metrics import PerPoint
from tests.helpers.attack_entries import attack_entry

METRICS = {f"{kind}@{k}": 10.0 * k for kind in ("P", "nDCG", "PSP") for k in (1, 3)}
CURVE = calibration.reliability(np.array([0.2, 0.8]), np.array([False, True]))
EVALUATION = Evaluation(
    dataset_dir="data/<mine>",
    dataset_fingerprint="0f",
    model_dir="models/mine",
    split="test",
    points=7,
    repetitions=2,
    estimator="mean",
    propensity="default",
    ks=(1, 3),
    intervals={"P@1": (5.0, 15.0)},
    estimators={"mean": METRICS, "min": METRICS},
    by_frequency={"head": LabelGroup(2, 60.0, 70.0, 3, 20.0, 40.0)},
    calibration={"mean": CURVE},
    repetition_curve=(CurvePoint(1, METRICS), CurvePoint(2, METRICS)),
    decoding=Decoding({"mean": 30.0}),
    seconds=Seconds(1.0, 2.0, 3.0),
    loss=Losses(0.5, 0.75, 0.01),
    per_point={"P@1": PerPoint(np.array([1.0, 0]), np.ones(2))},
    attacks=Robustness((), (1, 3)),
)
ATTACKED = dataclasses.replace(EVALUATION, attacks=Robustness((attack_entry("fgsm", 0.1, METRICS),), (1, 3)))
COMPARED = dataclasses.replace(EVALUATION, comparison=Comparison("<other>.json", {"P@1": Difference(1.0, -1.0, 2.0)}))


def test_json_has_the_keys_of_metrics_json_in_their_order():
    content = COMPARED.to_json()
    assert list(content) == [
        "dataset_dir", "dataset_fingerprint", "model_dir", "split", "points", "repetitions", "estimator", "propensity",
        "metrics", "intervals", "estimators", "by_frequency", "calibration", "repetition_curve", "decoding", "seconds",
        "loss", "compare", "attacks",
    ]  # fmt: skip
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["metrics"] == METRICS and content["intervals"] == {"P@1": [5.0, 15.0]}
    assert content["compare"]["with"] == "<other>.json"
    assert "compare" not in EVALUATION.to_json()


def test_the_weight_of_names_is_shown_if_there_is_one():
    weighed = dataclasses.replace(EVALUATION, name_weight=2.5)
    assert weighed.to_json()["name_weight"] == 2.5 and "name_weight" not in EVALUATION.to_json()
    assert "label names counts with weight 2.5" in str(weighed) and "weight" not in str(EVALUATION)


def test_attacks_are_none_while_they_run():
    assert EVALUATION.to_json()["attacks"] == []
    assert dataclasses.replace(EVALUATION, attacks=None).to_json()["attacks"] is None
    assert ATTACKED.to_json()["attacks"] == [entry.to_json() for entry in ATTACKED.attacks]


@pytest.mark.parametrize("evaluation", [EVALUATION, ATTACKED, COMPARED])
def test_printed_and_in_a_notebook_it_has_the_same_words(evaluation):
    page = evaluation._repr_html_()
    words = re.sub(r"-{3,}", " ", str(evaluation)).split()
    assert [word for word in words if html.escape(word) not in page] == []
    assert "<other>" not in page and "<mine>" not in page and "http" not in page


def test_ipython_shows_what_print_shows():
    printed = []
    ATTACKED._repr_pretty_(types.SimpleNamespace(text=printed.append), False)
    assert printed == [str(ATTACKED)]


def test_the_table_word_by_word():
    parts = str(ATTACKED).split("\n\n")
    assert parts[0] == "7 points, 2 repetitions, estimator mean"
    assert parts[1].splitlines()[2].split() == ["P", "10.00", "[5.00,", "15.00]", "30.00"]
    assert [part.split()[0] for part in parts[2:6]] == ["estimator", "repetitions", "labels", "attack"]
    assert parts[6].splitlines() == [
        "clean loss 0.500000",
        "adversarial loss 0.750000 (each repetition attacked separately by FGSM, epsilon 0.01)",
        f"expected calibration error, mean: 0.2000; true probabilities would show {CURVE.floor().mean:.4f} [0.2000, 0.8000]",
        "exact decoding, mean: 30 labels scored per point",
        "seconds: loading 1.0, network 2.0, decoding 3.0",
    ]
    assert "Difference from <other>.json, in percentage points:\nmetric" in str(COMPARED)


def test_what_was_not_asked_for_is_left_out():
    evaluation = dataclasses.replace(
        EVALUATION, estimators={"mean": METRICS}, repetition_curve=(), loss=Losses(0.5, None, 0.01)
    )
    text = str(evaluation)
    assert not re.search(r"^(estimator|repetitions|attack|adversarial)", text, re.MULTILINE)


def test_it_writes_its_files(tmp_path):
    names = ["metrics.json", "calibration.png", "repetitions.png", "tensorboard"]
    directory = tmp_path / "clean"
    assert EVALUATION.write(str(directory)) == [str(directory / name) for name in names]
    assert json.loads((directory / "metrics.json").read_text()) == EVALUATION.to_json()
    directory = tmp_path / "attacked"
    names += ["robustness.json", "robustness.png"]
    assert ATTACKED.write(str(directory)) == [str(directory / name) for name in names]
    assert all((directory / name).exists() for name in [*names, "per_point.npz"])
    assert json.loads((directory / "metrics.json").read_text()) == ATTACKED.to_json()
    content = json.loads((directory / "robustness.json").read_text())
    assert content == {
        "dataset_dir": "data/<mine>",
        "split": "test",
        "points": 7,
        "estimator": "mean",
        "models": [{"model_dir": "models/mine", **ATTACKED.attacks.to_json()}],
    }


def test_attacks_written_later_leave_the_same_files(tmp_path):
    running = dataclasses.replace(ATTACKED, attacks=None)
    running.write(str(tmp_path))
    assert json.loads((tmp_path / "metrics.json").read_text())["attacks"] is None
    assert not (tmp_path / "robustness.json").exists()
    ATTACKED.write_attacks(str(tmp_path))
    assert json.loads((tmp_path / "metrics.json").read_text()) == ATTACKED.to_json()
    assert (tmp_path / "robustness.json").exists()
    with pytest.raises(ValueError, match="no attacks"):
        EVALUATION.write_attacks(str(tmp_path))

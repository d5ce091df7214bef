from __future__ import annotations

import math

import numpy as np
import pytest

from mach_tf.serving.service import attack_requests
from mach_tf.serving.service.own_requests import RequestLimits
from mach_tf.serving.service.problems import RequestError

LIMITS = RequestLimits(points=3, text_length=10, k=4)
POINT = {"feature_ids": [1, 7], "feature_values": [0.5, 2]}


def test_a_request_has_the_points_of_a_prediction_and_the_attack():
    body = {"points": [POINT, POINT], "k": 2, "epsilon": 0.5, "true_labels": [[3], []]}
    job = attack_requests.job(body, None, 9, LIMITS)
    assert (job.signature, job.points, job.k) == ("attack", 2, 2)
    assert job.inputs["feature_ids"].tolist() == [1, 7, 1, 7]
    assert job.inputs["epsilon"].tolist() == [0.5, 0.5]
    assert job.inputs["true_labels"].tolist() == [[3, -1, -1, -1], [-1] * 4]


def test_the_predicted_labels_are_true_by_default():
    job = attack_requests.job({"texts": ["one"]}, ["title"], 9, LIMITS)
    assert (job.signature, job.inputs["texts"].tolist()) == ("attack_text", ["one"])
    assert job.inputs["epsilon"] == np.float32(0.01)
    assert (job.inputs["true_labels"] == -1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": -0.1}, r"epsilon must be a number in \[0, 1e\+06\] \(got -0.1\)"),
        ({"epsilon": math.inf}, "epsilon must be"),
        ({"epsilon": math.nan}, "epsilon must be"),
        ({"epsilon": "0.1"}, "epsilon must be"),
        ({"epsilon": True}, "epsilon must be"),
        ({"epsilon": None}, "epsilon must be"),
        ({"true_labels": None}, "a list of label ids"),
        ({"true_labels": [3]}, "a list of label ids for each of the 1 points"),
        ({"true_labels": []}, "a list of label ids for each of the 1 points"),
        ({"true_labels": {"0": [3]}}, "a list of label ids"),
        ({"true_labels": [[9]]}, r"true_labels must be in \[0, 9\) \(got 9 for point 0\)"),
        ({"true_labels": [[-1]]}, "true_labels must be in"),
        ({"true_labels": [[True]]}, "true_labels must be in"),
        ({"true_labels": [["3"]]}, "true_labels must be in"),
        ({"true_labels": [[1] * 5]}, r"at most 4 labels per point \(got 5 for point 0\)"),
        ({"eps": 0.1}, "got 'eps' too"),
    ],
)
def test_what_breaks_a_rule_is_refused(change, message):
    with pytest.raises(RequestError, match=message) as raised:
        attack_requests.job({"points": [POINT], **change}, None, 9, LIMITS)
    assert raised.value.status == 400


def test_a_body_that_is_no_object_is_refused():
    with pytest.raises(RequestError, match="must be a JSON object"):
        attack_requests.job([POINT], None, 9, LIMITS)


def test_an_answer_has_both_rankings_and_the_moves_that_exist():
    floats = {
        name: np.array([[value, value / 2]], np.float32)
        for value, name in enumerate(
            (
                "scores",
                "probabilities",
                "scores_after",
                "probabilities_after",
                "attacked_scores",
                "attacked_probabilities",
            )
        )
    }
    found = {
        **floats,
        "scores_before": np.array([[7.0, 8.0]]),
        "probabilities_before": np.array([[0.7, 0.8]]),
        "labels": np.array([[4, 2]]),
        "label_names": np.array([[b"four", b"two"]], object),
        "attacked_labels": np.array([[2, 5]]),
        "attacked_label_names": np.array([[b"two", "f\u00fcnf".encode()]], object),
        "loss": np.array([0.5]),
        "attacked_loss": np.array([0.75]),
        "relative_norm": np.array([0.25]),
        "moved_features": np.array([[3, 9, -1]]),
        "moves": np.array([[0.5, 0.0, 0.0]]),
        "moved_feature_names": np.array([[b"three", b"nine", b""]], object),
    }
    (answer,) = attack_requests.answer(found)
    assert [label["label"] for label in answer["attacked_labels"]] == [2, 5]
    assert answer["attacked_labels"][1]["name"] == "f\u00fcnf"
    assert answer["labels"][0] == {
        "label": 4, "name": "four", "score": 0, "probability": 1, "attacked_score": 2, "attacked_probability": 3
    }  # fmt: skip
    assert answer["attacked_labels"][0] == {
        "label": 2, "name": "two", "score": 7, "probability": 0.7, "attacked_score": 4, "attacked_probability": 5
    }  # fmt: skip
    assert answer["moves"] == [{"feature": 3, "move": 0.5, "name": "three"}]
    assert (answer["loss"], answer["attacked_loss"], answer["relative_norm"]) == (0.5, 0.75, 0.25)

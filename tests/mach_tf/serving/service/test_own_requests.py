from __future__ import annotations

import math

import numpy as np
import pytest

from mach_tf.serving.service import own_requests
from mach_tf.serving.service.own_requests import RequestLimits
from mach_tf.serving.service.problems import RequestError

LIMITS = RequestLimits(points=3, text_length=10, k=4)
POINT = {"feature_ids": [1, 7], "feature_values": [0.5, 2]}


def test_texts_become_one_row_per_point_and_one_column_per_field():
    body = {"texts": ["one", {"body": "two"}, {}], "k": 2}
    job = own_requests.job(body, True, ["title", "body"], 9, LIMITS)
    assert (job.signature, job.points, job.k) == ("explain_text", 3, 2)
    assert job.inputs["texts"].tolist() == [["one", ""], ["", "two"], ["", ""]]
    single = own_requests.job({"texts": ["one", {"title": "two"}]}, False, ["title"], 9, LIMITS)
    assert (single.signature, single.inputs["texts"].tolist()) == ("text", ["one", "two"])


def test_points_become_row_compressed_arrays():
    job = own_requests.job({"points": [POINT, {"feature_ids": [], "feature_values": []}]}, False, None, 2, LIMITS)
    assert (job.signature, job.points, job.k) == ("sparse", 2, 2)
    assert job.inputs["row_splits"].tolist() == [0, 2, 2]
    assert job.inputs["feature_ids"].dtype == np.int64
    assert job.inputs["feature_values"].tolist() == [0.5, 2.0]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ([], 400, "must be a JSON object"),
        ({}, 400, "either texts or points"),
        ({"texts": [], "points": []}, 400, "either texts or points"),
        ({"texts": ["a"], "kk": 3}, 400, "got 'kk' too"),
        ({"texts": "a"}, 400, "must be lists"),
        ({"texts": [3]}, 400, "point 0 is neither"),
        ({"texts": [{"tilte": "a"}]}, 400, "point 0 has the field 'tilte'"),
        ({"texts": [{"title": None}]}, 400, "point 0 is neither"),
        ({"texts": ["a"] * 4}, 413, r"at most 3 points \(got 4\)"),
        ({"texts": ["x" * 11]}, 413, r"at most 10 characters \(got 11\)"),
        ({"texts": [{"title": "x" * 6, "body": "x" * 6}]}, 413, "at most 10 characters"),
        ({"texts": ["a"], "k": 0}, 400, r"k must be a whole number in \[1, 4\] \(got 0\)"),
        ({"texts": ["a"], "k": 5}, 400, "k must be"),
        ({"texts": ["a"], "k": True}, 400, "k must be"),
        ({"texts": ["a"], "k": 2.0}, 400, "k must be"),
        ({"points": [3]}, 400, "point 0 is not"),
        ({"points": [{"feature_ids": [1]}]}, 400, "point 0 is not"),
        ({"points": [POINT, {"feature_ids": [1], "feature_values": []}]}, 400, "those of point 1 are not"),
        ({"points": [{"feature_ids": [-1], "feature_values": [1]}]}, 400, "got -1 in point 0"),
        ({"points": [{"feature_ids": [2**70], "feature_values": [1]}]}, 400, "feature_ids must be"),
        ({"points": [{"feature_ids": [1.5], "feature_values": [1]}]}, 400, "feature_ids must be"),
        ({"points": [{"feature_ids": [1], "feature_values": [1e300]}]}, 400, "feature_values must be finite"),
        ({"points": [{"feature_ids": [1], "feature_values": [math.nan]}]}, 400, "feature_values must be finite"),
        ({"points": [{"feature_ids": [1], "feature_values": ["1"]}]}, 400, "feature_values must be finite"),
    ],
)
def test_refusals(body, status, message):
    with pytest.raises(RequestError, match=message) as refused:
        own_requests.job(body, False, ["title", "body"], 9, LIMITS)
    assert refused.value.status == status


def test_texts_for_a_model_of_points_are_refused():
    with pytest.raises(RequestError, match="takes points, not texts"):
        own_requests.job({"texts": ["a"]}, False, None, 9, LIMITS)


def test_half_a_surrogate_pair_does_no_harm():
    job = own_requests.job({"texts": ["a\ud800b"]}, False, ["title"], 9, LIMITS)
    job.inputs["texts"][0].encode()


def test_words_have_places_in_characters():
    text = np.array(["naïve 😀 café", "x"], object)
    found = {
        "labels": np.array([[3]]),
        "label_names": np.array([[b"three"]], object),
        "scores": np.array([[0.5]], np.float32),
        "probabilities": np.array([[0.25]], np.float32),
        "baseline_scores": np.array([[-1.0]]),
        "features": np.array([[[7, -1]]]),
        "attributions": np.array([[[1.5, 0.0]]]),
        "feature_names": np.array([[[b"cafe", b""]]], object),
        "word_begins": np.array([[0, 12, 0, -1]]),
        "word_ends": np.array([[6, 17, 1, -1]]),
        "word_fields": np.array([[0, 0, 1, -1]]),
        "word_attributions": np.array([[[1.0, 2.0, 3.0, 0.0]]]),
    }
    (point,) = own_requests.answer(found, text[None])
    assert "known_terms" not in point, "a servable may be older than that"
    assert own_requests.answer({**found, "known_terms": np.array([0])}, text[None])[0]["known_terms"] == 0
    assert [text[word["field"]][word["begin"] : word["end"]] for word in point["words"]] == ["naïve", "café", "x"]
    (label,) = point["labels"]
    assert (label["name"], label["reasons"]) == ("three", [{"feature": 7, "name": "cafe", "attribution": 1.5}])
    assert label["word_attributions"] == [1.0, 2.0, 3.0]


def test_explanations_are_limited_by_points_times_labels():
    limits = RequestLimits(explained=6)
    body = {"points": [POINT, POINT], "k": 4}
    limits.check_explained(own_requests.job(body, False, None, 9, limits))
    limits.check_explained(own_requests.job({**body, "k": 3}, True, None, 9, limits))
    with pytest.raises(RequestError, match=r"at most 6 for explanations \(got 8\)") as refused:
        limits.check_explained(own_requests.job(body, True, None, 9, limits))
    assert refused.value.status == 413


def test_explanations_are_limited_by_features_times_labels():
    limits = RequestLimits(attributions=15)
    body = {"points": [{"feature_ids": [1, 2, 3], "feature_values": [1, 1, 1]}, POINT], "k": 3}
    explained = own_requests.job(body, True, None, 9, limits)
    limits.check_explained(explained)
    limits.check_explained(own_requests.job({**body, "k": 9}, False, None, 9, limits))
    limits = RequestLimits(attributions=11)
    with pytest.raises(
        RequestError, match=r"features of all points times k must be at most 11 .* \(got 15\)"
    ) as refused:
        limits.check_explained(explained)
    assert refused.value.status == 413
    texts = own_requests.job({"texts": ["one two", "a"], "k": 3}, True, ["title"], 9, limits)
    with pytest.raises(RequestError, match=r"characters, divided by 2, times k .* \(got 12\)"):
        limits.check_explained(texts)

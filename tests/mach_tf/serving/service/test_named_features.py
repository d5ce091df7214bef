from __future__ import annotations

import pytest

from mach_tf.serving.service import named_features
from mach_tf.serving.service.problems import RequestError

IDS = {"cat": 3, "dog": 0}
BY_ID = {"feature_ids": [1], "feature_values": [2]}


def test_names_become_ids():
    body = {"points": [{"features": {"dog": 0.5, "cat": 1}}, BY_ID, {"features": {}}], "k": 2}
    assert named_features.has_names(body)
    assert named_features.with_ids(body, IDS) == {
        "points": [
            {"feature_ids": [0, 3], "feature_values": [0.5, 1]},
            BY_ID,
            {"feature_ids": [], "feature_values": []},
        ],
        "k": 2,
    }


@pytest.mark.parametrize("body", [None, [], {}, {"points": 3}, {"points": [BY_ID, None, 3]}, {"texts": ["features"]}])
def test_other_bodies_have_no_names(body):
    assert not named_features.has_names(body)


@pytest.mark.parametrize(
    ("point", "ids", "message"),
    [
        ({"features": {"cow": 1}}, IDS, "point 1: this model has no feature with the name 'cow'"),
        ({"features": [1]}, IDS, "those of point 1 do not"),
        ({"features": {}, **BY_ID}, IDS, "those of point 1 do not"),
        ({"features": {"cat": 1}}, None, "by their ids alone"),
    ],
)
def test_what_breaks_a_rule_is_refused(point, ids, message):
    with pytest.raises(RequestError, match=message):
        named_features.with_ids({"points": [BY_ID, point]}, ids)

from __future__ import annotations

import json

from benchmarks import served_points


def test_each_body_holds_one_point():
    points = served_points.random_points(50, 7, 0)
    bodies = [json.loads(body) for body in served_points.bodies(points[:3], None, 4)]
    assert [body["k"] for body in bodies] == [4, 4, 4]
    for row, body in enumerate(bodies):
        (point,) = body["points"]
        assert point["feature_ids"] == points[row].indices.tolist()
        assert len(set(point["feature_ids"])) == len(point["feature_values"]) == 7


def test_each_body_holds_one_text(tmp_path):
    (tmp_path / "a.tsv").write_text("One two.\t<x>\nThree\t<y>\n")
    bodies = served_points.bodies(None, str(tmp_path / "a.tsv"), 2)
    assert [json.loads(body) for body in bodies] == [{"texts": ["One two."], "k": 2}, {"texts": ["Three"], "k": 2}]

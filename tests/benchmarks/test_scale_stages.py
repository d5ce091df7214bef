"""Stages run once; those after one that runs, run anew; an interrupted one goes on if it can."""

from __future__ import annotations

import json

import pytest

from benchmarks import scale_stages
from benchmarks.scale_stages import Stage
from mach_tf.errors import InputError

WRITE = "import sys; file = open(sys.argv[1], 'a'); file.write(sys.argv[2]); sys.exit(sys.argv[2] == 'fail')"


def stage(tmp_path, name, text, resumes=False):
    return Stage(name, lambda: ["-c", WRITE, str(tmp_path / name), text], str(tmp_path / name), resumes)


def run(tmp_path, stages):
    begun = []
    results = scale_stages.run(stages, str(tmp_path / "stages"), begun.append)
    assert list(results) == [each.name for each in stages]
    return begun, results


def test_what_is_done_is_not_run_again(tmp_path):
    stages = [stage(tmp_path, name, name) for name in ("first", "second")]
    begun, results = run(tmp_path, stages)
    assert begun == ["first", "second"]
    assert results["first"]["disk_mb"] == 0.0 and results["first"]["seconds"] > 0 and not results["first"]["resumed"]
    assert run(tmp_path, stages) == ([], results)
    assert (tmp_path / "first").read_text() == "first"


def test_a_new_stage_makes_the_later_ones_anew(tmp_path):
    names = ("first", "second", "third")
    run(tmp_path, [stage(tmp_path, name, "1", resumes=True) for name in names])
    changed = [stage(tmp_path, name, "2" if name == "second" else "1", resumes=True) for name in names]
    begun, results = run(tmp_path, changed)
    assert begun == ["second", "third"]
    assert [(tmp_path / name).read_text() for name in names] == ["1", "2", "1"]
    assert not any(result["resumed"] for result in results.values())


@pytest.mark.parametrize(("resumes", "left"), [(True, "part1"), (False, "1")])
def test_an_interrupted_stage_goes_on_if_it_can(tmp_path, resumes, left):
    (tmp_path / "first").write_text("part")
    _, results = run(tmp_path, [stage(tmp_path, "first", "1", resumes)])
    assert (tmp_path / "first").read_text() == left
    assert results["first"]["resumed"] is resumes


def test_a_failed_stage_is_not_done(tmp_path):
    stages = [stage(tmp_path, "first", "1"), stage(tmp_path, "second", "fail")]
    for begun in (["first", "second"], ["second"]):
        seen = []
        with pytest.raises(InputError, match="ended with status 1"):
            scale_stages.run(stages, str(tmp_path / "stages"), seen.append)
        assert seen == begun


def test_the_request_is_the_first_point(tmp_path):
    path = tmp_path / "test.txt"
    path.write_text("2 10 4\n1,3 2:0.5 7:0.25\n0 1:1\n")
    request = json.loads(scale_stages.first_point(str(path)))
    assert request == {"points": [{"feature_ids": [2, 7], "feature_values": [0.5, 0.25]}], "k": 5}
    path.write_text("1 10 4\n 2:0.5\n")
    assert json.loads(scale_stages.first_point(str(path)))["points"][0]["feature_ids"] == [2]

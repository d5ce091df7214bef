from __future__ import annotations

import importlib
import os

import pytest

pytest.importorskip("uvicorn", reason="the service needs the extra serve")

from benchmarks.paced_load import Answer
from tests.helpers import programs


@pytest.fixture(scope="module")
def soak():
    programs.forget_flags()
    return importlib.import_module("benchmarks.soak")


def body(version, predictions):
    return b'{"model":"tiny","version":%d,"predictions":%s}' % (version, predictions)


def test_failures_differences_versions_and_minutes_are_counted(soak):
    record = soak.Record([b'"predictions":[1]}', b'"predictions":[2]}'])
    record.observe(Answer(0, 1.0, 0.010, 200, body(1, b"[1]")))
    record.observe(Answer(1, 61.0, 0.030, 200, body(2, b"[1]")))
    record.observe(Answer(1, 121.0, 0.050, 503, b"busy"))
    record.observe(Answer(0, 122.0, 0.050, 200, body(2, b"[1]")))
    record.memory += [(1.0, 100.0), (61.0, 190.0), (62.0, 210.0), (121.0, 209.0), (122.0, 211.0)]
    found = record.result(80)
    assert (found["requests"], found["failed"], found["differing"], found["versions"]) == (4, 1, 1, 2)
    assert found["failures"] == ["121.0 s: 503 b'busy'"]
    assert found["p99_ms_by_minute"] == [10.0, 30.0, 50.0]
    assert found["memory_mb_by_minute"] == [100, 200, 210]
    assert found["memory_mb_least_by_minute"] == [100, 190, 209]
    assert found["memory_mb_most_by_minute"] == [100, 210, 211]
    assert found["ratios"] == {
        "right answers/requests": 0.5,
        "memory of the last/of the second minute": 1.05,
        "least memory of the last/of the second minute": 1.1,
    }


def test_a_version_is_a_link_that_appears_at_once(soak, tmp_path):
    (tmp_path / "servable" / "variables").mkdir(parents=True)
    (tmp_path / "servable" / "variables" / "data").write_text("weights")
    (tmp_path / "folder").mkdir()
    soak._add(str(tmp_path / "servable"), str(tmp_path / "folder"), 2)
    assert os.listdir(tmp_path / "folder") == ["2"]
    assert (tmp_path / "folder" / "2" / "variables" / "data").stat().st_nlink == 2


@pytest.mark.slow
def test_a_service_is_soaked(evaluated, tmp_path, capsys):
    import json

    from mach_tf.ensemble import Ensemble
    from mach_tf.serving.exporting import export

    export(Ensemble.load(evaluated.model_dir), tmp_path / "tiny" / "1")
    programs.run(
        "benchmarks.soak", f"--servable={tmp_path / 'tiny'}", "--minutes=0.1", "--rate=20", "--reload_seconds=2"
    )
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["requests"] == 120
    assert found["ratios"]["right answers/requests"] == 1

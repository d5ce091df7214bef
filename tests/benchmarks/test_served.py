from __future__ import annotations

import urllib.request

import pytest

pytest.importorskip("uvicorn", reason="the service needs the extra serve")

from benchmarks.served import serving
from mach_tf.ensemble import Ensemble
from mach_tf.serving.exporting import export


@pytest.mark.slow
def test_a_service_is_started_measured_and_stopped(evaluated, tmp_path):
    export(Ensemble.load(evaluated.model_dir), tmp_path / "tiny" / "1")
    with serving(str(tmp_path / "tiny"), ["--batch_points=1"]) as served:
        with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/healthz", timeout=30) as answer:
            assert answer.status == 200
        assert served.seconds() > 0
        memory = served.memory_mb()
        assert memory["pss_mb"] > 50 and memory["largest_rss_mb"] > 50
    assert not served.process.is_running()

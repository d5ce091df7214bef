from __future__ import annotations

import json

import pytest

from mach_tf.ensemble import Ensemble
from mach_tf.serving.exporting import export
from tests.helpers import programs

pytest.importorskip("uvicorn", reason="the service needs the extra serve")


def test_it_prints_the_answer(evaluated, tmp_path, capfd):
    export(Ensemble.load(evaluated.model_dir), tmp_path / "tiny" / "1")
    body = json.dumps({"points": [{"feature_ids": [3], "feature_values": [1.0]}], "k": 2})
    programs.run("serve.ask", f"--servable={tmp_path / 'tiny'}", f"--request={body}")
    first, _, rest = capfd.readouterr().out.partition("\n")
    assert first == f"POST /predict {body}"
    assert len(json.loads(rest)["predictions"][0]["labels"]) == 2

"""The benchmark of the service: its ratios by hand, and all of it at a small size."""

from __future__ import annotations

import importlib
import json

import pytest

pytest.importorskip("uvicorn", reason="the service needs the extra serve")

from mach_tf.errors import InputError
from tests.helpers import programs


def test_ratios_by_hand():
    programs.forget_flags()
    serve = importlib.import_module("benchmarks.serve")

    def load(rate, p99):
        return {"requests_per_second": rate, "p99_ms": p99}

    loads = {"predict": {"8": load(600, 25), "64": load(900, 90)}, "unbatched": {"64": load(300, 300)}}
    assert serve.ratios({"eurlex57k": {"loads": loads}}) == {
        "eurlex57k: batched/unbatched, 64 clients": 3,
        "eurlex57k: requests per second/400": 1.5,
        "eurlex57k: 100 ms/p99": 4,
    }
    del loads["predict"]["8"]
    assert serve.ratios({"a": {"loads": loads}}) == {"a: batched/unbatched, 64 clients": 3}


def test_an_unknown_arm_is_refused():
    with pytest.raises(InputError, match="--arms must be among"):
        programs.run("benchmarks.serve", "--arms=other")


@pytest.mark.slow
def test_it_measures_every_load(capsys, evaluated):
    programs.run(
        "benchmarks.serve", f"--model_dir={evaluated.model_dir}", f"--dataset_dir={evaluated.dataset_dir}", "--labels=300",
        "--columns=100", "--hidden_units=8", "--buckets=20", "--repetitions=2", "--clients=1,2", "--seconds=0.5", "--calls=3",
        "--k=3", "--workers=2", "--arms=servable,naive",
    )  # fmt: skip
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(report["servables"]) == 2
    for result in report["servables"].values():
        assert set(result["loads"]) == {"predict", "explain", "unbatched", "2 workers"}
        for by_clients in result["loads"].values():
            for load in by_clients.values():
                assert load["errors"] == 0 and load["requests_per_second"] > 0
        assert set(result["in_process"]) == {"servable", "naive"}

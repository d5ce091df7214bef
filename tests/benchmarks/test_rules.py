"""The whole program on tiny data sets, with measurements that stand for training: a candidate is right more often than today's rules."""

import json
import lzma
import os

import numpy as np
import pytest
import scipy.sparse

from benchmarks import peers_arms
from mach_tf import files
from mach_tf.errors import InputError
from tests.helpers import programs

MEASURED = {"seconds": 1.0, "cpu_seconds": 1.0, "peak_mb": 1.0, "milliseconds_per_point": 1.0}


@pytest.fixture
def sets(tmp_path, monkeypatch):
    for name in ("one", "two"):
        os.makedirs(tmp_path / "sets" / name)
        with lzma.open(tmp_path / "sets" / name / "train.txt.xz", "wt") as file:
            file.write("80 8 8\n" + "".join(f"{i % 8} {i % 8}:1\n" for i in range(80)))

    def run(arm, data, output, *_):
        truth = scipy.sparse.load_npz(os.path.join(data, "test.y.npz")).indices
        right = arm.settings.get("dropout", 0.0) == 0.5
        labels = np.stack([truth if right else (truth + 1) % 8, (truth + 2) % 8, (truth + 3) % 8], axis=1)
        np.savez(f"{output}.npz", labels=np.pad(labels.astype(np.int32), ((0, 0), (0, 2)), constant_values=-1))
        files.write_json(f"{output}.json", {"train": MEASURED, "predict": MEASURED, "model_mb": 1.0})

    monkeypatch.setattr(peers_arms, "run", run)
    return tmp_path / "sets"


def test_the_whole_program(sets, tmp_path, capsys):
    flags = [f"--data_dir={sets}", f"--output_dir={tmp_path / 'out'}", "--sets=one,two", "--metrics=P@1,P@3"]
    programs.run("benchmarks.rules", *flags, "--candidates=more-dropout,half-batches")
    output = capsys.readouterr().out
    found = json.loads(output.strip().splitlines()[-1])
    # P@1 from 0 to 100, P@3 from 0 to 33.
    assert found["gain"] == pytest.approx(66.667, abs=1e-3)
    assert [choice["candidate"] for choice in found["choices"]] == ["more-dropout"] * 2
    names = [
        f"{name}, whole: train CPU s: {rule}/today"
        for name in ("one", "two")
        for rule in ("more-dropout", "half-batches")
    ]
    assert found["ratios"] == dict.fromkeys(names, 1.0)
    assert "| one | whole | 0.00 | 0.00 | +66.67 | +0.00 |" in output
    assert "| two | more-dropout | +66.67 | +66.67 | more-dropout | +66.67 |" in output


def test_unknown_candidates_and_metrics_are_refused(sets):
    with pytest.raises(InputError, match=r"--candidates must be among today, .* \(got other\)"):
        programs.run("benchmarks.rules", "--candidates=other")
    with pytest.raises(InputError, match=r"--metrics must be among P@1, .* \(got F1\)"):
        programs.run("benchmarks.rules", "--metrics=F1")

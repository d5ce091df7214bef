"""eval.certify through its flags: what it prints, writes and refuses."""

import json

import numpy as np
import pytest

import mach_tf
from mach_tf.errors import InputError
from tests.helpers import programs


def certify(evaluated, *arguments):
    programs.run(
        "eval.certify", f"--dataset_dir={evaluated.dataset_dir}", f"--model_dir={evaluated.model_dir}", *arguments
    )


def test_files_hold_what_the_library_proves(evaluated, tmp_path, capsys):
    certify(
        evaluated,
        "--epsilon=0,0.01",
        "--k=1,4",
        "--attack=fgsm",
        "--limit=20",
        f"--output_dir={tmp_path}",
        "--effort=50",
        "--branches=9",
    )
    printed = capsys.readouterr().out
    X, Y = (matrix[:20] for matrix in evaluated.test)
    expected = mach_tf.certify(evaluated.model_dir, X, Y, [0, 0.01], ks=[1, 4], attacks=["fgsm"], effort=50, branches=9)
    assert str(expected) in printed and "certificates.npz" in printed
    assert json.loads((tmp_path / "certificates.json").read_text()) == json.loads(json.dumps(expected.to_json()))
    with np.load(tmp_path / "certificates.npz") as arrays:
        for name, array in expected.arrays().items():
            np.testing.assert_array_equal(arrays[name], array)
    assert (tmp_path / "certificates.png").read_bytes()[:4] == b"\x89PNG"


def test_no_files_without_a_directory(evaluated, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    certify(evaluated, "--epsilon=0.01", "--limit=3", "--k=1")
    assert "certified P@1" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--estimator=mean"], "--?estimator|estimator logit_mean"),
        (["--epsilon=0.1,x"], "--epsilon must be a list"),
        (["--k=x"], "--k must be a list"),
        (["--k=31"], "--k must not exceed the 30 labels"),
        (["--split=valid"], "no 'valid' split"),
    ],
)
def test_refusals(evaluated, tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        certify(evaluated, f"--output_dir={tmp_path / 'out'}", *arguments)
    assert not (tmp_path / "out").exists()

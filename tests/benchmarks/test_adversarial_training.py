"""The whole program on a tiny data set with a tiny preset, and what it keeps."""

import json
import os

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from benchmarks import adversarial_training
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.training import settings
from tests.helpers import programs

PRESET = {"buckets": 8, "repetitions": 3, "hidden_units": 8, "epochs": 2, "batch_size": 16, "epsilon": 0.2}
FLAGS = ["--epsilon=0,0.1", "--limit=4", "--arms=clean,ibp@0.5", "--sets=bibtex@30", "--repetitions=2"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    random = np.random.default_rng(0)

    def points(count):
        features = scipy.sparse.random(count, 40, 0.3, "csr", np.float32, random)
        return features, scipy.sparse.csr_matrix(random.random((count, 20)) < 0.3)

    mach_tf.write_dataset(*points(60), str(tmp_path / "data" / "bibtex"), test=points(9), spec=FeatureSpec(dim=0))
    monkeypatch.setattr(settings, "read_preset", lambda _: dict(PRESET))

    def program(*flags):
        programs.run(
            "benchmarks.adversarial_training",
            f"--data_dir={tmp_path / 'data'}",
            f"--output_dir={tmp_path / 'out'}",
            *flags,
        )
        return capsys.readouterr().out

    return program


def test_the_whole_program_and_again(run, tmp_path, monkeypatch):
    output = run(*FLAGS)
    found = json.loads(output.strip().splitlines()[-1])
    assert set(found["ratios"]) == {"bibtex@30: cpu s: ibp@0.5/clean"}
    arms = found["results"]["bibtex@30"]
    trained = arms["ibp@0.5"]["asked"]["settings"]
    assert (trained["adversarial"], trained["epsilon"], trained["repetitions"]) == ("ibp", 0.1, 2)
    for arm in arms.values():
        clean, attacked = (size["metrics"] for size in arm["sizes"])
        assert clean["certified P@1"] == clean["attacked P@1"] == clean["P@1"]
        assert attacked["certified P@1"] <= attacked["attacked P@1"] <= attacked["P@1"]
    assert "| ibp@0.5 " in output and "certified / attacked at 0.1" in output
    assert os.path.getsize(tmp_path / "out" / "adversarial_training.png") > 5000
    monkeypatch.setattr(adversarial_training, "_measure", None)
    assert json.loads(run(*FLAGS).strip().splitlines()[-1]) == found, "nothing is done again"


def test_the_time_is_that_of_a_whole_training_after_an_interruption(run, tmp_path, monkeypatch):
    arm, fit, trained = ("--arms=clean", *FLAGS[:2], *FLAGS[3:]), mach_tf.fit, []

    def counted(dataset, model_dir, **settings):
        trained.append(os.path.exists(os.path.join(model_dir, "repetition-000")))
        return fit(dataset, model_dir, **settings)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(mach_tf, "fit", counted)
    with monkeypatch.context() as broken:
        broken.setattr("mach_tf.evaluation.certification.certify_dataset", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(*arm)
    kept = tmp_path / "out" / "models" / "bibtex@30-clean.json"
    times = json.loads(kept.read_text())
    found = json.loads(run(*arm).strip().splitlines()[-1])["results"]["bibtex@30"]["clean"]
    assert {name: found[name] for name in times} == times, "the training was complete"
    kept.unlink()
    (tmp_path / "out" / "bibtex@30-clean.json").unlink()
    run(*arm)
    assert trained == [False, True, False], "what is left of a training without a time is trained anew"


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--sets=other", r"--sets must be among bibtex, .* \(got other\)"),
        ("--sets=bibtex@all", r"--sets must have a number of training points behind @ \(got 'bibtex@all'\)"),
        ("--repetitions=2", r"--repetitions must go with a part of a data set, SET@N in --sets \(got bibtex\)"),
        ("--sets=", r"--sets must be among bibtex, .* \(got none\)"),
        ("--arms=free@2", r"--arms must be clean or begin with one of fgsm, .* \(got 'free@2'\)"),
        ("--arms=pgd@much", r"--arms must hold numbers of 0 or more \(got 'much'\)"),
        ("--arms=", r"--arms must name at least one arm, and --epsilon one size \(got none\)"),
        ("--epsilon=", r"--arms must name at least one arm, and --epsilon one size \(got none\)"),
        ("--epsilon=nan", r"--epsilon must hold numbers"),
    ],
)
def test_what_cannot_be_run_is_refused(run, flag, message):
    with pytest.raises(InputError, match=message):
        run(flag)

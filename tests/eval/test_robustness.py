"""eval.robustness through its flags: several models, transfer, targeted attacks; what it writes and what it refuses."""

import json
import os

import numpy as np
import pytest
from tensorflow.python.summary.summary_iterator import summary_iterator

from mach_tf import points
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.bucket_loss import bucket_losses
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from tests.helpers import model_directory, programs


@pytest.fixture(scope="module")
def other_model(tmp_path_factory):
    """Another model for the same data."""
    directory = str(tmp_path_factory.mktemp("other"))
    model_directory.write(directory, features=60, labels=30, columns=40, seed=5, repetitions=2)
    return directory


def attack(evaluated, output_dir, *arguments, models=None):
    programs.run(
        "eval.robustness",
        f"--dataset_dir={evaluated.dataset_dir}",
        f"--model_dir={','.join(models or [evaluated.model_dir])}",
        f"--output_dir={output_dir}",
        *arguments,
    )
    return json.loads((output_dir / "robustness.json").read_text())


def hashed_points(evaluated):
    return FeatureSpec(40).apply(points.from_csr(*evaluated.test))


@pytest.fixture(scope="module")
def two_models(evaluated, other_model, tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("two")
    arguments = ["--attack=fgsm,pgd", "--epsilon=0,0.1", "--k=1,4", "--bootstrap=50", "--attack_steps=2"]
    return output_dir, attack(evaluated, output_dir, *arguments, models=[evaluated.model_dir, other_model])


def test_each_model_and_attack_as_the_library_has_it(evaluated, other_model, two_models):
    _, content = two_models
    assert (content["points"], content["split"], content["estimator"]) == (25, "test", "logit_mean")
    assert [model["model_dir"] for model in content["models"]] == [evaluated.model_dir, other_model]
    for model in content["models"]:
        ensemble, data = Ensemble.load(model["model_dir"]), hashed_points(evaluated)
        keys = [(entry["attack"], entry["epsilon"]) for entry in model["attacks"]]
        assert keys == [("fgsm", 0), ("fgsm", 0.1), ("pgd", 0), ("pgd", 0.1)]
        for entry in model["attacks"]:
            run = AttackRun(ensemble, Attack(entry["method"], steps=2), k=4)
            (outcome,) = run.outcomes(data, [entry["epsilon"]])
            hit = np.take_along_axis(evaluated.test[1].toarray(), outcome.top_labels[:, :1].astype(np.int64), axis=1)
            assert entry["metrics"]["P@1"] == pytest.approx(100 * hit.mean())
            assert entry["loss"] == pytest.approx(outcome.losses.mean(), rel=1e-6)
            assert entry["by_frequency"].keys() == {"head", "torso", "tail"}
            assert set(entry["intervals"]) == set(entry["lost"])
        assert model["attacks"][1]["loss"] > model["attacks"][0]["loss"]
        losses = bucket_losses(ensemble, data, [0.0, 0.1]).mean(axis=1)
        assert [entry["loss"] for entry in model["bucket_loss"]] == pytest.approx(list(losses), rel=1e-6)


def test_plot_and_tensorboard_logs(two_models, other_model):
    output_dir, content = two_models
    assert (output_dir / "robustness.png").read_bytes().startswith(b"\x89PNG")
    (log,) = (output_dir / "tensorboard" / os.path.basename(other_model)).glob("events*")
    scalars = {
        (value.tag, event.step): float(
            np.frombuffer(value.tensor.tensor_content or np.float32(value.tensor.float_val[0]), np.float32)[0]
        )
        for event in summary_iterator(str(log))
        for value in event.summary.value
    }
    entry = content["models"][1]["attacks"][3]
    assert scalars["pgd/P@4", 100_000] == pytest.approx(entry["metrics"]["P@4"], rel=1e-6)
    assert scalars["pgd/loss", 100_000] == pytest.approx(entry["loss"], rel=1e-6)
    assert scalars["pgd/relative_norm", 100_000] == pytest.approx(entry["relative_norm"]["mean"], rel=1e-6)
    bucket_loss = content["models"][1]["bucket_loss"][1]["loss"]
    assert scalars["bucket_loss", 100_000] == pytest.approx(bucket_loss, rel=1e-6)
    (log,) = (output_dir / "tensorboard").glob("events*")
    assert "robustness" in {value.tag for event in summary_iterator(str(log)) for value in event.summary.value}


def test_table(evaluated, tmp_path, capsys):
    content = attack(evaluated, tmp_path, "--attack=fgsm", "--epsilon=0.1", "--bootstrap=0", "--k=2")
    printed = capsys.readouterr().out
    (entry,) = content["models"][0]["attacks"]
    assert "lost_intervals" not in entry
    for value in (f"{entry['metrics']['P@2']:.2f}", f"{entry['lost']['P@2']:.2f}", f"{entry['loss']:.5f}"):
        assert value in printed
    assert str(tmp_path / "robustness.png") in printed


def test_transfer_is_made_on_the_other_model(evaluated, other_model, tmp_path):
    arguments = ["--attack=fgsm", "--epsilon=0.1", "--bootstrap=0", f"--attack_model_dir={other_model}"]
    content = attack(evaluated, tmp_path, *arguments)
    run = AttackRun(Ensemble.load(evaluated.model_dir), Attack(), source=Ensemble.load(other_model))
    (outcome,) = run.outcomes(hashed_points(evaluated), [0.1])
    assert content["attack_model_dir"] == other_model
    assert content["models"][0]["attacks"][0]["loss"] == pytest.approx(outcome.losses.mean(), rel=1e-6)


def test_targeted_attacks_and_fewer_points(evaluated, tmp_path):
    arguments = [
        "--attack=push_out,push_in",
        "--epsilon=0.5",
        "--k=1,3",
        "--bootstrap=0",
        "--target_label=4",
        "--limit=20",
    ]
    content = attack(evaluated, tmp_path, *arguments, "--support=dense", "--estimator=mean")
    assert (content["points"], content["estimator"], content["target_label"]) == (20, "mean", 4)
    push_out, push_in = content["models"][0]["attacks"]
    assert push_out["attack"] == "push_out (pgd)" and push_in["attack"] == "push_in (pgd)"
    assert push_in["attempts"] > 5 and push_in["success_rate"] > 0
    assert push_out["success_rate"] > 20


def test_the_minimal_epsilon_of_each_point(evaluated, other_model, tmp_path, capsys):
    arguments = ["--attack=apgd", "--epsilon=0,0.3", "--bootstrap=0", "--k=1", "--limit=15", "--attack_steps=3"]
    models = [evaluated.model_dir, other_model]
    content = attack(evaluated, tmp_path, *arguments, "--minimal_epsilon=certified", models=models)
    printed = capsys.readouterr().out
    for model_dir, model in zip(models, content["models"]):
        stem = tmp_path / f"minimal_epsilon-{os.path.basename(model_dir)}"
        assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG") and str(stem) in printed
        with np.load(stem.with_suffix(".npz")) as arrays:
            assert len(arrays["attacked"]) == 15 and (arrays["certified"] <= arrays["attacked"]).all()
            median = np.quantile(arrays["attacked"], 0.5, method="lower")
        assert model["minimal_epsilon"]["top_labels"]["all"]["attacked"]["50"] == (median if median < 1 else None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--attack must name"),
        (["--attack=apgd", "--epsilon=0", "--minimal_epsilon=attacked"], "--minimal_epsilon needs an epsilon above 0"),
        (["--attack=apgd", "--estimator=mean", "--minimal_epsilon=certified"], "logit_mean"),
        (["--attack=fgsm", "--k=0"], "--k must be a list"),
        (["--attack=fgsm", "--k=31"], "--k must not exceed the 30 labels"),
        (["--attack=push_in", "--k=30"], "k below the 30 labels"),
        (["--attack=push_in", "--target_label=30"], r"--target_label must hold label ids in \[0, 30\)"),
        (["--attack=fgsm", "--split=valid"], "no 'valid' split"),
        (["--attack=fgsm", "--attack_model_dir=nowhere"], "nowhere"),
    ],
)
def test_refusals(evaluated, tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        attack(evaluated, tmp_path, *arguments)
    assert not list(tmp_path.iterdir())


def test_models_that_do_not_fit_are_refused(evaluated, tmp_path, tmp_path_factory, monkeypatch):
    directory = str(tmp_path_factory.mktemp("wide"))
    model_directory.write(directory, features=60, labels=30, columns=50)
    output_dir = tmp_path / "out"
    with pytest.raises(InputError, match="feature_spec"):
        attack(evaluated, output_dir, "--attack=fgsm", models=[directory])
    with pytest.raises(InputError, match="same feature_spec"):
        attack(evaluated, output_dir, "--attack=fgsm", f"--attack_model_dir={directory}")
    monkeypatch.setattr(
        AttackRun, "outcomes", lambda *_: pytest.fail("the first model was attacked before all were checked")
    )
    with pytest.raises(InputError, match="holds no model"):
        attack(evaluated, output_dir, "--attack=fgsm", models=[evaluated.model_dir, "nowhere"])
    with pytest.raises(InputError, match="different directories"):
        attack(evaluated, output_dir, "--attack=fgsm", models=[evaluated.model_dir] * 2)

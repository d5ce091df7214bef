"""Attacks on the texts of a split, from the files that it was made from."""

import json
import shutil

import pytest

import mach_tf
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError
from mach_tf.evaluation.robustness_comparison import compare_robustness
from mach_tf.evaluation.split_texts import texts_to_attack
from mach_tf.network import Network

WORDS = ["light", "wave", "energy", "stone", "river", "meadow"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with test.jsonl, a dataset of it and a model."""
    folder = tmp_path_factory.mktemp("split")
    for name, n in (("train", 60), ("test", 12)):
        lines = [
            json.dumps({"text": f"{WORDS[i % 6]} {WORDS[(i + 1) % 6]} of it", "labels": [f"l{i % 3}"]})
            for i in range(n)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    mach_tf.preprocess(
        train=folder / "train.jsonl",
        test=folder / "test.jsonl",
        output_dir=folder / "data",
        text_fields=["text"],
        label_field="labels",
    )
    mach_tf.fit(folder / "data", folder / "model", repetitions=2, buckets=3, hidden_units=8, epochs=2, batch_size=16)
    return folder


def test_the_texts_of_the_first_points(trained):
    network = Network.load(trained / "model")
    points = DatasetReader.open(str(trained / "data")).read_points("test", 5)
    found = texts_to_attack(network, [Attack.named("drop_words")], str(trained / "data"), "test", points)
    assert [row[0] for row in found] == [f"{WORDS[i]} {WORDS[i + 1]} of it" for i in range(5)]
    assert texts_to_attack(network, [Attack("fgsm")], str(trained / "data"), "test", points) is None


def test_files_that_make_other_points_are_refused(trained, tmp_path):
    network = Network.load(trained / "model")
    points = DatasetReader.open(str(trained / "data")).read_points("test", 5)
    words = [Attack.named("drop_words")]
    with pytest.raises(InputError, match="need the texts of the test split"):
        texts_to_attack(network, words, str(trained / "data"), "test", points[[1, 0]])
    with pytest.raises(InputError, match="need the texts of the train split"):
        texts_to_attack(network, words, str(trained / "data"), "train", points[[3]])


def test_a_part_of_the_training_files_is_refused_in_the_words_of_an_attack(trained, tmp_path):
    held, words = str(tmp_path / "held"), [Attack.named("drop_words")]
    mach_tf.preprocess(
        held,
        train=trained / "train.jsonl",
        valid_fraction=0.2,
        text_fields=["text"],
        label_field="labels",
        progress=False,
    )
    network = Network.load(trained / "model")
    for split in ("train", "valid"):
        points = DatasetReader.open(held).read_points(split, 2)
        with pytest.raises(
            InputError, match=f"need the texts of the {split} split, which holds only a part.*Attack another"
        ):
            texts_to_attack(network, words, held, split, points)


def test_comparison_and_evaluation_attack_the_texts(trained, tmp_path):
    options = {"attacks": ["drop_words", "fgsm"], "words": [0, 3], "epsilons": [0.01], "bootstrap": 0}
    found = compare_robustness([str(trained / "model")], str(trained / "data"), str(tmp_path), **options)
    content = json.loads((tmp_path / "robustness.json").read_text())["models"][0]["attacks"]
    assert [(entry["attack"], entry.get("words"), entry.get("epsilon")) for entry in content] == [
        ("drop_words", 0, None), ("drop_words", 3, None), ("fgsm", None, 0.01),
    ]  # fmt: skip
    evaluated = mach_tf.evaluate(str(trained / "model"), str(trained / "data"), **options)
    ours, theirs = evaluated.attacks.entries, found.models[str(trained / "model")].entries
    assert [entry.metrics["P@1"] for entry in ours] == [entry.metrics["P@1"] for entry in theirs]
    gone = shutil.move(trained / "test.jsonl", trained / "gone.jsonl")
    with pytest.raises(InputError, match="gone or changed"):
        mach_tf.evaluate(str(trained / "model"), str(trained / "data"), **options)
    shutil.move(gone, trained / "test.jsonl")

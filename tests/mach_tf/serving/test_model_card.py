from __future__ import annotations

import dataclasses

from mach_tf.manifest import ModelManifest
from mach_tf.serving import model_card
from mach_tf.serving.card_evaluation import Attacked, Certified, Evaluation
from tests.helpers.tiny_ensemble import make_ensemble
from tests.mach_tf.serving.test_contents import CONTENTS

MANIFEST: ModelManifest = make_ensemble().manifest
EVALUATION = Evaluation(
    1234,
    "test",
    CONTENTS.dataset_fingerprint,
    {"P@1": 91.234, "P@3": 80.0, "P@5": 70.0},
    {"P@1": (90.0, 92.0)},
    [Attacked("fgsm", 0.01, {"P@1": 88.0, "P@3": 77.0})],
    0.0123,
)


def test_the_card_shows_metrics_with_intervals_attacks_and_calibration():
    card = model_card.text(CONTENTS, MANIFEST, EVALUATION)
    for shown in ("# demo", "1,234 points", "91.23", "90.00 to 92.00", "fgsm", "0.01", "88.00", "0.012", "`sparse`"):
        assert shown in card
    # Metrics that an attack was not evaluated with have no column.
    assert "| attack   | epsilon   | P@1   | P@3   |" in card


def test_the_card_shows_what_is_proved():
    certified = [
        Certified(0.01, "nonzero", {"certified P@1": 76.5, "P@1": 84.0}),
        Certified(0.02, "nonzero", {"certified P@1": 45.25}),
    ]
    card = model_card.text(CONTENTS, MANIFEST, dataclasses.replace(EVALUATION, certificates=certified))
    assert "changes the values of the features present by at most epsilon" in card
    assert "| epsilon   | P@1   |" in card and "| 0.02      | 45.25 |" in card
    assert "Proved" not in model_card.text(CONTENTS, MANIFEST, EVALUATION)


def test_the_card_says_what_the_figures_are_of():
    card = model_card.text(CONTENTS, MANIFEST, EVALUATION)
    assert (
        "stores others (int8, a scale per row or column; 50% of the features left out), which were not evaluated"
        in card
        and "another data" not in card
    )
    as_trained = dataclasses.replace(CONTENTS, weights="float32", prune=0.0)
    assert "which were not evaluated" not in model_card.text(as_trained, MANIFEST, EVALUATION)
    elsewhere = dataclasses.replace(EVALUATION, dataset_fingerprint="other", calibration_error=None, attacks=[])
    card = model_card.text(CONTENTS, MANIFEST, elsewhere)
    assert (
        "of another data set, `other`" in card
        and "were not compared" in card
        and "was not evaluated under attack" in card
    )


def test_the_card_says_which_weights_are_left_out():
    card = model_card.text(CONTENTS, MANIFEST)
    assert "| int8, a scale per row or column; 50% of the features left out " in card
    contents = dataclasses.replace(CONTENTS, weights="float32", prune_entries=0.75)
    rows = "75% of the weights of the first layer's other rows left out, those of the smallest magnitude"
    assert f"float32, as trained; 50% of the features left out; {rows}" in model_card.text(contents, MANIFEST)
    card = model_card.text(dataclasses.replace(contents, prune=0.0), MANIFEST, EVALUATION)
    assert "float32, as trained; 75% of the weights of the first layer left out" in card
    assert "which were not evaluated" in card


def test_the_card_says_that_there_is_a_ranker():
    assert "ranker" not in model_card.text(CONTENTS, MANIFEST)
    card = model_card.text(dataclasses.replace(CONTENTS, ranker_weights=12345), MANIFEST)
    assert "| logit_mean, and a ranker, a sparse linear classifier of each label: 12,345 weights, int8 " in card


def test_the_card_says_what_each_signature_takes():
    names = ["serving_default", "sparse", "explain", "text", "explain_text", "attack", "attack_text"]
    contents = dataclasses.replace(CONTENTS, signatures=names, text_fields=["title", "content"])
    lines = model_card.text(contents, MANIFEST).splitlines()
    assert all(any(line.startswith(f"- `{name}` takes ") for line in lines) for name in names)
    assert any("`[points, fields]`" in line and "title, content" in line for line in lines)
    assert "`explain` takes" not in model_card.text(CONTENTS, MANIFEST)


def test_a_card_without_an_evaluation_says_so():
    assert "without an evaluation" in model_card.text(CONTENTS, MANIFEST)

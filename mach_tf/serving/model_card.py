"""The model card of a servable, README.md in its directory: what it is, how good it is, and what it is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Optional

import tabulate

from mach_tf import estimators, logit_scale
from mach_tf.manifest import ModelManifest
from mach_tf.serving.card_evaluation import Evaluation
from mach_tf.serving.contents import ServableContents
from mach_tf.serving.stored_ranker import precision_beside
from mach_tf.serving.stored_weights import FLOAT16, FLOAT32, INT8, VQ, VQ1
from mach_tf.signature_names import (
    ATTACK_SIGNATURE,
    ATTACK_TEXT_SIGNATURE,
    EXPLAIN_SIGNATURE,
    EXPLAIN_TEXT_SIGNATURE,
    SERVING_SIGNATURE,
    SPARSE_SIGNATURE,
    TEXT_SIGNATURE,
)

_STORED = {
    FLOAT32: "float32, as trained",
    FLOAT16: "float16",
    INT8: "int8, a scale per row or column",
    VQ: "vq, vector quantisation with 2 to 4 bits per weight of the first layer",
    VQ1: "vq1, vector quantisation with 1 to 3 bits per weight of the first layer",
}
_METRICS = ("P@1", "P@3", "P@5", "nDCG@5", "PSP@5", "R@5")


def text(contents: ServableContents, manifest: ModelManifest, evaluation: Optional[Evaluation] = None) -> str:
    """Returns the card as Markdown.

    Args:
      contents: what the servable is.
      manifest: the model's model.json.
      evaluation: an evaluation of the model; None if there is none.
    """
    facts = [
        ("labels", f"{contents.labels:,}"),
        ("raw features", f"{contents.features:,}"),
        ("repetitions x buckets", f"{manifest.bucket_spec.repetitions} x {manifest.bucket_spec.buckets:,}"),
        ("hidden units", f"{manifest.training.hidden_units:,}"),
        ("label score", _score(contents)),
        ("probabilities", _probabilities(contents, manifest)),
        ("weights", _stored(contents)),
        ("training data", f"`{contents.dataset_fingerprint}`"),
        ("versions", ", ".join(f"{name} {version}" for name, version in contents.versions.items())),
    ]
    training = list(dataclasses.asdict(manifest.training).items())
    return f"""# {contents.name}

An ensemble of bucket classifiers (MACH) that ranks labels of points. `servable.json` lists the files with their SHA-256.

{_table(facts)}

## Signatures

All take the scalar `k`, and return `labels`, `label_names`, `scores` and `probabilities`, `[points, k]`, best first.

{_inputs(contents)}

## Quality

{_quality(contents, evaluation)}

## Intended use

To suggest labels for points of the kind that the training data hold, with a person or a threshold on `probabilities` behind it.
Points of another kind get labels too: nothing in the scores says so. Scores of labels that training saw seldom are the least reliable.

## Training

{_table(training)}
"""


def _inputs(contents: ServableContents) -> str:
    """Returns a list of the signatures: what each takes and returns."""
    shape = "[points, fields]" if len(contents.text_fields) > 1 else "[points]"
    words = {
        SERVING_SIGNATURE: "takes `examples`: serialized `tf.train.Example` with `feature_ids` and `feature_values` of raw features.",
        SPARSE_SIGNATURE: "takes points as arrays: `row_splits`, `feature_ids`, `feature_values`.",
        TEXT_SIGNATURE: f"takes `texts`, strings `{shape}`; the text fields are: {', '.join(contents.text_fields)}.",
        EXPLAIN_SIGNATURE: f"takes what `{SPARSE_SIGNATURE}` takes, and adds the features that speak most for and against each label.",
        EXPLAIN_TEXT_SIGNATURE: f"takes what `{TEXT_SIGNATURE}` takes, and adds the features and words that speak most for and against each label.",
        ATTACK_SIGNATURE: f"takes what `{SPARSE_SIGNATURE}` takes, `epsilon` and `true_labels`, and adds what an FGSM step would change.",
        ATTACK_TEXT_SIGNATURE: f"takes what `{TEXT_SIGNATURE}` takes, `epsilon` and `true_labels`, and adds what an FGSM step would change.",
    }
    return "\n".join(f"- `{name}` {words[name]}" for name in contents.signatures)


def _quality(contents: ServableContents, evaluation: Optional[Evaluation]) -> str:
    if evaluation is None:
        return "This servable was exported without an evaluation."
    rows = [
        (
            name,
            f"{value:.2f}",
            "{:.2f} to {:.2f}".format(*evaluation.intervals[name]) if name in evaluation.intervals else "",
        )
        for name, value in evaluation.metrics.items()
        if name in _METRICS
    ]
    where = f"the {evaluation.points:,} points of the {evaluation.split} split"
    if evaluation.dataset_fingerprint != contents.dataset_fingerprint:
        where += f" of another data set, `{evaluation.dataset_fingerprint}`"
    parts = [f"On {where}, in percent:", _titled(rows, ["metric", "value", "95% interval"])]
    if contents.prune or contents.prune_entries or contents.weights != FLOAT32:
        parts.append(
            f"These are the figures of the model's float32 weights. This servable stores others ({_stored(contents)}), which were not evaluated."
        )
    names = [name for name in _METRICS[:3] if all(name in attack.metrics for attack in evaluation.attacks)]
    if evaluation.attacks and names:
        attacked = [
            (
                attack.attack if attack.epsilon else "none",
                f"{attack.epsilon:g}",
                *(f"{attack.metrics[name]:.2f}" for name in names),
            )
            for attack in evaluation.attacks
        ]
        parts += [
            "Under attack, each feature value changed by at most epsilon:",
            _titled(attacked, ["attack", "epsilon", *names]),
        ]
    else:
        parts.append("The model was not evaluated under attack.")
    parts += _certified(evaluation)
    error = evaluation.calibration_error
    parts.append(
        "The probabilities were not compared with the truth."
        if error is None
        else f"Expected calibration error of the probabilities: {error:.3f} (0 is best, 1 the worst)."
    )
    return "\n\n".join(parts)


def _certified(evaluation: Evaluation) -> list[str]:
    """Returns what is proved, as a paragraph and a table; nothing without certificates."""
    names = [
        name for name in _METRICS[:3] if all(f"certified {name}" in each.metrics for each in evaluation.certificates)
    ]
    if not evaluation.certificates or not names:
        return []
    rows = [
        (f"{each.epsilon:g}", *(f"{each.metrics[f'certified {name}']:.2f}" for name in names))
        for each in evaluation.certificates
    ]
    changed = (
        "any feature value" if evaluation.certificates[0].support == "dense" else "the values of the features present"
    )
    intro = f"Proved for the float32 weights: whatever method changes {changed} by at most epsilon each, the metric is at least this:"
    return [intro, _titled(rows, ["epsilon", *names])]


def _score(contents: ServableContents) -> str:
    """Returns how labels are scored, in words."""
    if not contents.ranker_weights:
        return contents.estimator
    ranker = f"{contents.ranker_weights:,} weights, {precision_beside(contents.weights)}"
    return f"{contents.estimator}, and a ranker, a sparse linear classifier of each label: {ranker}"


def _probabilities(contents: ServableContents, manifest: ModelManifest) -> str:
    """Returns whether probabilities are calibrated, in words."""
    calibration = logit_scale.used(manifest.calibration, manifest.ranker_sha256)
    if calibration is None or not estimators.get(contents.estimator).takes_logits:
        return "not calibrated"
    return f"calibrated on {calibration.points:,} held-out points"


def _stored(contents: ServableContents) -> str:
    """Returns how the weights are stored, in words."""
    parts = [_STORED[contents.weights]]
    if contents.prune:
        parts.append(f"{contents.prune:.0%} of the features left out")
    if contents.prune_entries:
        which = "first layer's other rows" if contents.prune else "first layer"
        parts.append(
            f"{contents.prune_entries:.0%} of the weights of the {which} left out, those of the smallest magnitude"
        )
    return "; ".join(parts)


def _titled(rows: Sequence[tuple[str, ...]], titles: list[str]) -> str:
    return tabulate.tabulate(rows, titles, tablefmt="github", disable_numparse=True)


def _table(rows: list[tuple[str, Any]]) -> str:
    return tabulate.tabulate(rows, ["", ""], tablefmt="github", disable_numparse=True)

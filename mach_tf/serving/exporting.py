"""Exports a model directory as a servable: one SavedModel, with what it is and how to warm it up beside it."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any, Optional, Union

import numpy as np
import tensorflow as tf

from mach_tf import arguments, estimators, files, kept_files, outputs, staging, tensorflow_errors
from mach_tf.choices import SERVABLE_WEIGHTS
from mach_tf.errors import InputError
from mach_tf.manifest import FEATURE_NAMES_FILE, LABEL_NAMES_FILE, ModelManifest
from mach_tf.network import Network
from mach_tf.progress_bars import Bar
from mach_tf.serving import card_evaluation, contents, example_points, kept_examples, model_card, warm_up
from mach_tf.serving.attack_servable import AttackServable
from mach_tf.serving.example_requests import example_request
from mach_tf.serving.raw_features import RawFeatures
from mach_tf.serving.row_places import RowPlaces, joint_norms
from mach_tf.serving.stored_ranker import StoredRanker, precision_beside
from mach_tf.serving.stored_weights import CODED, StoredWeights
from mach_tf.serving.text_servable import TextServable
from mach_tf.top_labels import default_k

_CARD = "README.md"
# As mach-serve and TensorFlow Serving find it: no zeros in front, and it fits 64 bits.
_VERSION = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """How a model is exported.

    Attributes:
      estimator: which estimator makes the scores: "logit_mean" or "mean".
      weights: the precision of the stored weights, one of choices.SERVABLE_WEIGHTS.
      prune: the fraction of the hashed features to leave out, those whose rows of W1 have the smallest norm in all repetitions
        together, in [0, 1).
      prune_entries: the fraction of the entries of each repetition's W1 that read as zero, those with the smallest magnitude among the
        entries of the rows that are kept, in [0, 1); 0 with the weights "vq" and "vq1".
      reasons: number of features that an explanation names for a label, at most.
      label_names: file with the names of the labels, one per line; None for those in the model directory, if it has any.
      feature_names: file with the names of the raw features, one per line; None for the terms of a model of texts, or no names.
      force: takes names that are not those of the training data.
      evaluation: metrics.json of an evaluation of the model, for the model card; None leaves it out.
      examples: file as mach-predict takes it, whose first short texts or points the page of the service offers; None for none.

    Raises:
      InputError: a value out of its range.
    """

    estimator: str = estimators.DEFAULT_ESTIMATOR
    weights: str = SERVABLE_WEIGHTS[0]
    prune: float = 0.0
    prune_entries: float = 0.0
    reasons: int = 10
    label_names: Optional[str] = None
    feature_names: Optional[str] = None
    force: bool = False
    evaluation: Optional[str] = None
    examples: Optional[str] = None

    def __post_init__(self) -> None:
        if not estimators.get(self.estimator).exact_attribution:
            raise InputError(
                f"estimator must be one of {estimators.EXACT_ESTIMATORS}, whose scores are sums (got {self.estimator!r})."
            )
        arguments.choice(self.weights, "weights", SERVABLE_WEIGHTS)
        for name in ("prune", "prune_entries"):
            if arguments.finite_number(getattr(self, name), name, 0, 1) == 1:
                raise InputError(f"{name} must be below 1, which would leave nothing (got 1).")
        if self.prune_entries and self.weights in CODED:
            raise InputError(
                f"prune_entries must be 0 with the weights {self.weights!r} (got {self.prune_entries:g}): a code stands for several "
                "entries, so that zeros among them save nothing. Leave it out, or choose other weights."
            )
        arguments.whole_number(self.reasons, "reasons", 1, 1000)
        arguments.switch(self.force, "force")
        if self.force and self.label_names is None and self.feature_names is None:
            raise InputError(
                "force must come with label_names or feature_names, which it lets differ from the training data's. Leave it out."
            )


@dataclasses.dataclass(frozen=True)
class Exported:
    """The result of an export.

    Attributes:
      path: the directory of the servable.
      name: its name: that of the folder above the version.
      bytes: size of all its files.
      weight_bytes: size of the model's weights in float32, those of its ranker included.
    """

    path: str
    name: str
    bytes: int
    weight_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Returns the attributes by name."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        share = self.bytes / self.weight_bytes
        return (
            f"{self.name}: {self.bytes / 1e6:,.1f} MB, {share:.2f} times the size of the model's weights: {self.path}"
        )


def export(network: Network, output_dir: Union[str, os.PathLike[str]], **options: Any) -> Exported:
    """Writes a servable; progress goes to stderr.

    Args:
      network: the model.
      output_dir: a directory that does not exist yet, named by a version: `servables/NAME/1`, as TensorFlow Serving has it.
      **options: attributes of ExportOptions.

    Raises:
      InputError: an option out of its range, a directory that exists or is no version, or a full disk.
    """
    chosen = ExportOptions(**options)
    path = os.path.abspath(arguments.path(output_dir, "output_dir"))
    name = os.path.basename(os.path.dirname(path))
    if not _VERSION.fullmatch(os.path.basename(path)) or not name:
        raise InputError(f"output_dir must be named by a version, as in servables/NAME/1 (got {output_dir}).")
    if os.path.exists(path):
        raise InputError(f"output_dir must not exist yet (got {output_dir}). Give the next version.")
    outputs.check_directory(
        path, [network.model_dir, chosen.label_names, chosen.feature_names, chosen.evaluation, chosen.examples]
    )
    labels, features = network.labels, network.manifest.features
    label_names = network.label_names
    if chosen.label_names is not None:
        label_names = _given_names(network, chosen.label_names, LABEL_NAMES_FILE, chosen.force)
    vectorizer = None if network.manifest.text is None else network.texts.vectorizer
    feature_names = None if vectorizer is None else vectorizer.vocabulary.terms
    if chosen.feature_names is not None:
        feature_names = _given_names(network, chosen.feature_names, FEATURE_NAMES_FILE, chosen.force)
    evaluation = None
    if chosen.evaluation is not None:
        evaluation = card_evaluation.read(chosen.evaluation, chosen.estimator, len(network.repetitions))
    examples = None if chosen.examples is None else example_points.read_input(network, chosen.examples)
    ranker = _ranker(network, chosen)
    parts = (
        RawFeatures(network.manifest.feature_spec, features),
        _stored(network, chosen),
        network.bucket_table,
        chosen.estimator,
        label_names or [str(label) for label in range(labels)],
        feature_names,
        chosen.reasons,
        ranker,
        network.manifest.training.multiclass,
        network.logit_scale,
    )
    module = AttackServable(*parts) if vectorizer is None else TextServable(vectorizer, *parts)
    signatures = module.signatures()
    described = contents.ServableContents(
        name,
        features,
        labels,
        chosen.estimator,
        chosen.weights,
        float(chosen.prune),
        list(signatures),
        label_names is not None,
        network.manifest.dataset_fingerprint,
        network.manifest.versions,
        [] if vectorizer is None else list(network.texts.fields),
        0 if ranker is None else ranker.weights.shape[0],
        float(chosen.prune_entries),
    )
    rule = f"{path}: a servable must fit on the disk, but writing it failed"
    with staging.staged(path) as temporary:
        with tensorflow_errors.named(rule, "Make room and export again."):
            tf.saved_model.save(module, temporary, signatures=signatures)
            k = default_k(labels)
            fields = len(described.text_fields)
            requests = {each: {**example_request(each, fields), "k": np.int32(k)} for each in signatures}
            warm_up.write(temporary, name, requests)
        with files.atomic_write(os.path.join(temporary, _CARD)) as card:
            card.write(model_card.text(described, _exported_manifest(network), evaluation).encode())
        if examples is not None:
            kept_examples.write(temporary, examples)
        described.write(temporary)
    size = sum(os.path.getsize(os.path.join(parent, file)) for parent, _, found in os.walk(path) for file in found)
    weight_bytes = len(network.repetitions) * network.manifest.shape.weight_bytes
    return Exported(path, name, size, weight_bytes + (0 if ranker is None else ranker.float32_bytes))


def _exported_manifest(network: Network) -> ModelManifest:
    """Returns the manifest with the number of repetitions that are exported."""
    spec = dataclasses.replace(network.manifest.bucket_spec, repetitions=len(network.repetitions))
    return dataclasses.replace(network.manifest, bucket_spec=spec)


def _given_names(network: Network, path: str, name: str, force: bool) -> list[str]:
    return kept_files.read_given_names(path, network.model_dir, network.manifest, name, force)


def _stored(network: Network, options: ExportOptions) -> list[StoredWeights]:
    stored = []
    places = _places(network, options)
    with Bar("export", len(network.repetitions), "repetition") as bar:
        for index in range(len(network.repetitions)):
            weights = network.repetitions[index].weights
            stored.append(StoredWeights(weights, options.weights, places, options.prune_entries))
            bar.update(1)
    return stored


def _ranker(network: Network, options: ExportOptions) -> Optional[StoredRanker]:
    """Returns what the estimator adds to label scores; None for nothing."""
    ranker = network.ranker_of(options.estimator)
    return None if ranker is None or not ranker.weights.nnz else StoredRanker(ranker, precision_beside(options.weights))


def _places(network: Network, options: ExportOptions) -> Optional[RowPlaces]:
    if not options.prune and options.weights not in CODED:
        return None
    repetitions = range(len(network.repetitions))
    kernels = (network.repetitions[index].weights.hidden_kernel.numpy() for index in repetitions)
    return RowPlaces(joint_norms(kernels), options.prune)

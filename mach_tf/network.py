"""An opened model directory: the bucket logits of points, and the labels decoded from them."""

from __future__ import annotations

import dataclasses
import functools
import os
import warnings
from collections.abc import Iterator
from typing import Any, Optional, TypeVar, Union

import numpy as np
import scipy.sparse

from mach_tf import arguments, estimators, kept_files, logit_scale, points, repetition_files
from mach_tf.buckets import BucketMembers, check_table_memory
from mach_tf.classifier import write_logits
from mach_tf.data import arrays
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.decoding.added_scores import AddedScores
from mach_tf.decoding.approximate import Approximate
from mach_tf.decoding.best_labels import AnyDecoder, best_labels
from mach_tf.decoding.decode import Decoded, Decoder, joined
from mach_tf.decoding.restriction import RestrictedDecoder
from mach_tf.errors import InputError
from mach_tf.label_selection import select_labels
from mach_tf.label_titles import LabelTitles
from mach_tf.logit_scale import LogitScale
from mach_tf.manifest import ModelManifest, repetition_directory
from mach_tf.memory import available_memory
from mach_tf.points import Points
from mach_tf.ranker.ranker import Ranker, problem_of
from mach_tf.repetitions import Repetitions
from mach_tf.text.label_similarity import NameScore
from mach_tf.text.model_texts import ModelTexts

# Share of the free memory for weights; share of it, or bytes, whichever is smaller, for the sketch of a chunk.
_WEIGHTS_SHARE = 0.5
_SKETCH_SHARE = 0.125
_SKETCH_BYTES = 256 << 20
# When every chunk of points reads all repetitions from disk anew, larger chunks pay for their memory.
_STREAMED_SKETCH_BYTES = 2 << 30

_Network = TypeVar("_Network", bound="Network")


class Network:
    """R repetitions and their bucket table: the forward pass and the decoder, for attacks, evaluation and explanations.

    Attributes:
      model_dir: the directory that was opened.
      manifest: its model.json; if only the first repetitions are used, `bucket_spec.repetitions` still counts all.
      repetitions: each with `.weights`; see Repetitions for what indexing costs.
    """

    def __init__(self, model_dir: str, manifest: ModelManifest, repetitions: Repetitions):
        self.model_dir = model_dir
        self.manifest = manifest
        self.repetitions = repetitions

    @classmethod
    def load(
        cls: type[_Network],
        model_dir: Union[str, os.PathLike[str]],
        repetitions: Optional[int] = None,
        keep: Optional[bool] = None,
        verify: str = "sizes",
        ranker: bool = True,
    ) -> _Network:
        """Opens a model directory.

        Args:
          model_dir: a directory that train.main or `mach_tf.fit` wrote.
          repetitions: use only the first N repetitions.
          keep: whether all weights stay in memory; otherwise each chunk of points reads the repetitions one after the other.
            None decides by the free memory.
          verify: "sizes" checks that every file of the repetitions has the size that was written; "full" reads them and checks
            their SHA-256 too.
          ranker: whether label scores are those of the ensemble and the ranker, if the model has one, or of the ensemble alone.

        Raises:
          InputError: there is no model, repetitions are missing or damaged (they are named), or more are asked for than there
            are.
        """
        model_dir = arguments.path(model_dir, "model_dir")
        manifest = ModelManifest.read(model_dir)
        trained = manifest.bucket_spec.repetitions
        count = trained if repetitions is None else arguments.whole_number(repetitions, "repetitions")
        if not 1 <= count <= trained:
            raise InputError(f"{model_dir} has {trained} repetitions; ask for 1 to {trained} of them (got {count}).")
        paths = [repetition_directory(model_dir, repetition) for repetition in range(count)]
        repetition_files.check_all(model_dir, manifest, count, verify)
        kept_files.check(model_dir, manifest)
        check_table_memory(count, manifest.labels)
        if unlisted := repetition_files.unlisted(model_dir, range(count)):
            warnings.warn(unlisted, stacklevel=2)
        if keep is None:
            keep = count * manifest.shape.weight_bytes < _WEIGHTS_SHARE * available_memory()
        if not ranker:
            manifest = dataclasses.replace(manifest, ranker_sha256="")
        if problem := manifest.ranker_sha256 and problem_of(model_dir, manifest.ranker_sha256):
            raise InputError(problem)
        origins = [manifest.origin(repetition) for repetition in range(count)]
        return cls(model_dir, manifest, Repetitions(paths, manifest.shape, keep, origins, manifest.training.multiclass))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the path of the model directory, which must hold the same model where it is unpickled."""
        count = len(self.repetitions)
        origins = [self.manifest.origin(repetition) for repetition in range(count)]
        added = (self.manifest.ranker_sha256, self.manifest.calibration)
        return _reopened, (type(self), os.path.abspath(self.model_dir), count, self.repetitions.kept, origins, *added)

    def __repr__(self) -> str:
        repetitions, buckets = self.sketch_shape
        return f"{type(self).__name__}({self.model_dir!r}, {repetitions=}, {buckets=}, labels={self.labels})"

    @functools.cached_property
    def bucket_table(self) -> np.ndarray:
        """The bucket table, int32 [R, K]: the bucket of each label in each repetition."""
        return self.manifest.bucket_table()[: len(self.repetitions)]

    @functools.cached_property
    def decoder(self) -> Decoder:
        """Decodes this ensemble's sketches."""
        return Decoder.of(self.bucket_table, self.manifest.bucket_spec.buckets)

    @functools.cached_property
    def objective_decoders(self) -> dict[str, Decoder]:
        """The decoders by objective that mach_tf.objectives has made so far, for the model's own weights of labels."""
        return {}

    @property
    def members(self) -> BucketMembers:
        """The labels of each bucket."""
        return self.decoder.members

    @functools.cached_property
    def ranker(self) -> Optional[Ranker]:
        """What is added to label scores that are means of logits; None if the model has no ranker, or was opened without it."""
        sha256 = self.manifest.ranker_sha256
        return Ranker.read(self.model_dir, sha256, self.labels, self.manifest.columns) if sha256 else None

    def added_scores(self, estimator: str, name_score: Optional[NameScore] = None) -> list[AddedScores]:
        """Returns what is added to the label scores of an estimator: by the ranker, to means of logits, and by names of labels."""
        return [source for source in (self.ranker_of(estimator), name_score) if source is not None]

    def ranker_of(self, estimator: str) -> Optional[Ranker]:
        """Returns the ranker if it adds to the label scores of this estimator."""
        return self.ranker if estimator == estimators.DEFAULT_ESTIMATOR else None

    @functools.cached_property
    def logit_scale(self) -> LogitScale:
        """The line from label scores that are means of logits to the log-odds of probabilities."""
        weight = 0.0 if self.ranker is None else self.ranker.weight
        return logit_scale.line(self.manifest.calibration, self.manifest.ranker_sha256, weight)

    @property
    def labels(self) -> int:
        """The number of labels, K."""
        return self.manifest.labels

    @functools.cached_property
    def label_names(self) -> Optional[list[str]]:
        """The names of the labels, by id; None if the model was trained without names."""
        return kept_files.read_label_names(self.model_dir, self.manifest)

    @functools.cached_property
    def label_keys(self) -> Optional[list[str]]:
        """What the training data call the labels, by id, if that differs from their names: identifiers, URIs; None otherwise."""
        return kept_files.read_label_keys(self.model_dir, self.manifest)

    @property
    def label_titles(self) -> LabelTitles:
        """The names and keys of the labels."""
        return LabelTitles(self.label_names, self.label_keys)

    @functools.cached_property
    def texts(self) -> ModelTexts:
        """Turns texts into raw points; InputError if the model was trained on bags of words."""
        return ModelTexts.open(self.model_dir, self.manifest)

    @property
    def sketch_shape(self) -> tuple[int, int]:
        """R and B, the shape of a sketch without its points."""
        return len(self.repetitions), self.manifest.bucket_spec.buckets

    def raw_points(self, X: Any, name: str = "X") -> Points:
        """Converts raw features of any kind to points without labels.

        Args:
          X: [n, raw features]: an array, a SciPy sparse matrix or a DataFrame.
          name: what messages call X.

        Raises:
          InputError: X has a different number of raw features than the model, or values that are not finite.
        """
        return points.from_csr(arrays.feature_matrix(X, self.manifest.features, name))

    def hash_points(self, raw: Points) -> scipy.sparse.csr_matrix:
        """Hashes and normalises raw points as the training data were: float32 CSR [n, D]."""
        return self.manifest.feature_spec.apply(raw).features(self.manifest.columns)

    def hash(self, X: Any) -> scipy.sparse.csr_matrix:
        """Returns the model's input for raw features, float32 CSR [n, D], and warns of points without features.

        Args:
          X: as for `raw_points`, whose errors it raises.
        """
        raw = self.raw_points(X)
        Incomplete.of(raw, labels=False).warn("of X")
        return self.hash_points(raw)

    def bucket_logits(self, features: scipy.sparse.csr_matrix) -> np.ndarray:
        """Computes the sketch of hashed points as logits, float32 [n, R, B]; of a multiclass model the log-odds of its softmax.

        Args:
          features: CSR [n, D], as `hash` returns and shards hold them.
        """
        if features.shape[1] != self.manifest.columns:
            raise ValueError(f"features must be [n, {self.manifest.columns}] (got {list(features.shape)})")
        logits = np.empty((features.shape[0], *self.sketch_shape), np.float32)
        # Repetition by repetition: one set of weights serves all points before the next is loaded.
        for index in range(len(self.repetitions)):
            # By index: a loop variable would hold one repetition while the next is loaded.
            write_logits(self.repetitions[index].weights, features, logits[:, index], self.repetitions.multiclass)
        return logits

    @functools.cached_property
    def chunk_points(self) -> int:
        """The number of points whose sketches fit in memory together."""
        sketch_bytes = _SKETCH_BYTES if self.repetitions.kept else _STREAMED_SKETCH_BYTES
        room = min(sketch_bytes, int(_SKETCH_SHARE * available_memory()))
        return max(1, room // (4 * int(np.prod(self.sketch_shape))))

    def sketches(self, features: scipy.sparse.csr_matrix) -> Iterator[tuple[range, np.ndarray]]:
        """Yields the logits of consecutive rows of hashed points, float32 [rows, R, B], as many as fit in memory at a time."""
        for begin in range(0, features.shape[0], self.chunk_points):
            rows = range(begin, min(begin + self.chunk_points, features.shape[0]))
            yield rows, self.bucket_logits(features[rows.start : rows.stop])

    def among(
        self, only_labels: Any, titles: Optional[LabelTitles] = None, decoder: Optional[Decoder] = None
    ) -> RestrictedDecoder:
        """Returns what `decode` takes to choose from some labels only; arguments and errors as for `select_labels`.

        Args:
          only_labels: label ids, or names and keys.
          titles: the names and keys; None for the model's own.
          decoder: ranks all labels; None for the model's own.
        """
        titles, decoder = titles or self.label_titles, decoder or self.decoder
        return RestrictedDecoder.of(decoder, select_labels(only_labels, self.labels, titles.names, titles.keys))

    def decode(
        self,
        features: scipy.sparse.csr_matrix,
        k: int,
        estimator: str = estimators.DEFAULT_ESTIMATOR,
        approximate: Optional[Approximate] = None,
        decoder: Optional[AnyDecoder] = None,
        name_score: Optional[NameScore] = None,
    ) -> Decoded:
        """Decodes the k best labels of hashed points, exactly or approximately, among all labels or some.

        Args:
          features: CSR [n, D].
          k: in [1, K]; with fewer labels in `decoder`, all of those are returned.
          estimator: one of estimators.ESTIMATORS.
          approximate: which labels to score; None for exact decoding.
          decoder: the labels to choose from and what they are ranked by, as `among` or `objectives.decoder_for` returns it; None for all
            labels by their label scores.
          name_score: what to add to label scores, as `name_scores.name_score` makes it; not with `approximate`.
        """
        sources, parts = self.added_scores(estimator, name_score), []
        decoder, k = (self.decoder, k) if decoder is None else (decoder, min(k, decoder.labels))
        for rows, logits in self.sketches(features):
            scores, some = estimators.bucket_scores(logits, estimator), features[rows.start : rows.stop]
            parts.append(best_labels(decoder, scores, some, k, estimator, sources, approximate))
        if not parts:
            none = np.empty((0, k), np.int32)
            return Decoded(none, none.astype(np.float32), np.empty(0, np.int64), np.empty(0, np.bool_))
        return joined(parts)


def _reopened(
    kind: type[_Network], model_dir: str, count: int, kept: bool, origins: list[str], sha256: str = "", *added: Any
) -> _Network:
    """Opens the model that was pickled; `added` is its calibration, which pickles of earlier versions lack."""
    network = kind.load(model_dir, count, kept, ranker=bool(sha256))
    found = network.manifest
    theirs = [*origins, sha256, *(added or [None])]
    if [*map(found.origin, range(count)), found.ranker_sha256, found.calibration] != theirs:
        raise InputError(
            f"{model_dir} must hold the model that was pickled, for a pickle holds its path alone (it was trained anew since). "
            "Open it by mach_tf.Ensemble.load, or copy model directories instead of pickling."
        )
    return network

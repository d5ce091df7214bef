"""A repetition as a SavedModel: written atomically, with two signatures; read back as tensors, without running what it holds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple, Optional

import tensorflow as tf

from mach_tf import repetition_files, staging, tensorflow_errors
from mach_tf.classifier import Weights
from mach_tf.errors import InputError
from mach_tf.network_shape import NetworkShape
from mach_tf.repetition_files import DATA_FILE, VARIABLES_PREFIX, RepetitionFiles
from mach_tf.serving_signatures import Servable
from mach_tf.signature_names import SERVING_SIGNATURE, SPARSE_SIGNATURE


class Repetition(NamedTuple):
    """A loaded repetition.

    Attributes:
      weights: its weights, as tensors.
      origin: `ModelManifest.origin` of the training and the repetition.
      multiclass: whether its logits are of a softmax; see classifier.log_odds.
    """

    weights: Weights
    origin: str = ""
    multiclass: bool = False


class RepetitionWriter:
    """Writes repetitions of one shape as SavedModels; their graph, which is the same for all, is traced once.

    It holds a copy of the weights of the last one.
    """

    def __init__(self, multiclass: bool = False):
        """Writes nothing yet.

        Args:
          multiclass: whether probabilities are a softmax.
        """
        self._multiclass = multiclass
        self._module: Optional[Servable] = None

    def write(self, path: str, weights: Weights, origin: str) -> None:
        """Writes a SavedModel directory atomically, repetition.json last; an existing one is replaced.

        Args:
          path: the directory.
          weights: they are copied, not changed; of the same shapes as before.
          origin: `ModelManifest.origin` of the training and the repetition.

        Raises:
          InputError: it cannot be written, usually because the disk is full.
        """
        if self._module is None:
            self._module = Servable(weights, origin, self._multiclass)
        else:
            self._module.take(weights, origin)
        del weights  # frees them, if the caller keeps no reference, before TensorFlow makes its own copy
        module = self._module
        signatures = {SERVING_SIGNATURE: module.examples, SPARSE_SIGNATURE: module.sparse}
        rule = f"{path}: a repetition must fit on the disk, but writing it failed"
        with staging.staged(path) as temporary:
            with tensorflow_errors.named(rule, "Make room; the same command writes it from the last checkpoint."):
                tf.saved_model.save(module, temporary, signatures=signatures)
                RepetitionFiles.of(temporary, origin).write(temporary)


def export_repetition(path: str, weights: Weights, origin: str, multiclass: bool = False) -> None:
    """Writes one repetition, as RepetitionWriter does; arguments and errors are its."""
    RepetitionWriter(multiclass).write(path, weights, origin)


def load_repetition(path: str, shape: NetworkShape, origin: Optional[str] = None) -> Repetition:
    """Reads the weights of a repetition that `export_repetition` wrote.

    Only its variables are read, by name, each in the shape and type that it must have. The graph of the SavedModel is neither
    read nor run; it is for serving.

    Args:
      path: the directory.
      shape: the sizes of the network.
      origin: the origin that it must have; None accepts any.

    Raises:
      InputError: there is no repetition at `path`, it is damaged, or it is of another training or shape.
    """
    data = os.path.join(path, *DATA_FILE.split("/"))
    if not os.path.isfile(data):
        raise InputError(f"{path} must be a repetition's SavedModel, but holds no {DATA_FILE}; train it first.")
    rule, remedy = f"{path} must hold the weights of a repetition", repetition_files.remedy(path)
    with tensorflow_errors.named(rule, remedy):
        found = _read_origin(path)
    if origin not in (None, found):
        raise InputError(repetition_files.foreign(path))
    # Before memory is taken for them: the sizes come from model.json, which may be damaged or a stranger's.
    if os.path.getsize(data) < shape.weight_bytes:
        raise InputError(
            f"{data} must hold {shape.weight_bytes} bytes of weights, according to model.json (got {os.path.getsize(data)}). {remedy}"
        )
    with tensorflow_errors.named(rule, remedy):
        tensors = _restore(path, list(shape.weights), [_whole(sizes) for sizes in shape.weights.values()], tf.float32)
        # To the device that computes with them; restoring is done by the CPU.
        return Repetition(Weights(*map(tf.identity, tensors)), found)


def _read_origin(path: str) -> str:
    try:
        (origin,) = _restore(path, ["origin"], [""], tf.string)
    except tf.errors.NotFoundError as error:
        if "origin" not in str(error):
            raise
        raise InputError(
            f"{path} was written by an earlier version of mach_tf, which did not say what it was trained as. Remove it and "
            "train again with the same settings."
        ) from None
    return origin.numpy().decode() if not origin.shape.rank else ""


def _restore(path: str, names: Sequence[str], parts: Sequence[str], dtype: tf.DType) -> list[tf.Tensor]:
    """Reads variables of a SavedModel; TensorFlow checks the checksum of each."""
    prefix = os.path.join(path, *VARIABLES_PREFIX.split("/"))
    tensor_names = [f"{name}/.ATTRIBUTES/VARIABLE_VALUE" for name in names]
    return tf.raw_ops.RestoreV2(
        prefix=prefix, tensor_names=tensor_names, shape_and_slices=parts, dtypes=[dtype] * len(names)
    )


def _whole(shape: tuple[int, ...]) -> str:
    """Returns the whole tensor as a part of one of `shape`: TensorFlow then refuses another shape before it reads."""
    return f"{' '.join(map(str, shape))} {':'.join('-' for _ in shape)}"

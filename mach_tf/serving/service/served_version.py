"""One version of a servable in memory."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from mach_tf import tensorflow_errors
from mach_tf.errors import InputError
from mach_tf.serving import kept_examples
from mach_tf.serving.contents import ServableContents
from mach_tf.serving.example_requests import example_request
from mach_tf.serving.kept_examples import Example
from mach_tf.serving.service import shared_weights
from mach_tf.serving.service.jobs import Arrays, InputSpec, Job
from mach_tf.serving.service.problems import RequestError, invalid
from mach_tf.serving.service.served import Served
from mach_tf.signature_names import ATTACK_SIGNATURE, ATTACK_TEXT_SIGNATURE

_REMEDY = "Copy it again, or export the model again."
# TensorFlow Serving writes fields that have their default, such as the dimensions of a scalar; the argument has two names.
_ALL_FIELDS: dict[str, Any] = {
    name: True
    for name in ("including_default_value_fields", "always_print_fields_with_no_presence")
    if name in inspect.signature(json_format.MessageToDict).parameters
}
_ATTACKS = (ATTACK_SIGNATURE, ATTACK_TEXT_SIGNATURE)
_UNREADABLE = (
    "examples must be serialized tf.train.Example messages. Give them as base64, in an object with the key b64."
)


class ServedVersion(Served):
    """A servable that this process has loaded."""

    def __init__(
        self,
        version: int,
        contents: ServableContents,
        model: Any,
        metadata: dict[str, Any],
        examples: Sequence[Example] = (),
    ):
        self._model = model  # keeps the variables
        self._signatures = {name: model.signatures[name] for name in metadata}
        specs = {
            name: {
                key: InputSpec(np.dtype(spec.dtype.as_numpy_dtype), tuple(spec.shape))
                for key, spec in function.structured_input_signature[1].items()
                if key != "k"
            }
            for name, function in self._signatures.items()
        }
        named = getattr(model, "feature_names", None) is not None
        super().__init__(version, contents, metadata, examples, specs, named)

    @classmethod
    def load(cls, directory: str, version: int, cache: Optional[str] = None, attacks: bool = True) -> ServedVersion:
        """Loads a servable, checks its files against servable.json, and answers one request of each kind.

        Args:
          directory: the directory of the version.
          version: its number.
          cache: a directory in which several processes share the weights; None for weights of this process alone.
          attacks: whether the signatures of attacks are served.

        Raises:
          InputError: it is no servable, or it is damaged.
        """
        contents = ServableContents.read(directory)
        with tensorflow_errors.named(f"{directory} must be a servable", _REMEDY):
            contents.check(directory)
            model = tf.saved_model.load(directory) if cache is None else shared_weights.load(directory, cache)
            with open(os.path.join(directory, "saved_model.pb"), "rb") as file:
                saved = saved_model_pb2.SavedModel.FromString(file.read())
            definitions = saved.meta_graphs[0].signature_def
            metadata = {
                name: json_format.MessageToDict(definition, preserving_proto_field_name=True, **_ALL_FIELDS)
                for name, definition in definitions.items()
                if not name.startswith("__")
            }
            if set(contents.signatures) != set(metadata):
                raise InputError(
                    f"{directory} must have the signatures that servable.json names, {', '.join(sorted(contents.signatures))} "
                    f"(got {', '.join(sorted(metadata))}). {_REMEDY}"
                )
            served = [name for name in contents.signatures if attacks or name not in _ATTACKS]
            contents = dataclasses.replace(contents, signatures=served)
            metadata = {name: metadata[name] for name in metadata if name in served}
            loaded = cls(version, contents, model, metadata, kept_examples.read(directory))
            try:
                loaded._warm_up()
            except RequestError as error:
                raise InputError(
                    f"{directory} must answer a request of each signature ({error.message}). {_REMEDY}"
                ) from None
        return loaded

    def answer(self, job: Job) -> Arrays:
        specs = self.specs[job.signature]
        inputs = {name: tf.constant(value, tf.as_dtype(specs[name].dtype)) for name, value in job.inputs.items()}
        try:
            found = self._signatures[job.signature](k=tf.constant(job.k, tf.int32), **inputs)
        except tf.errors.InvalidArgumentError as error:
            raise invalid(_rule(error)) from None
        except (
            UnicodeDecodeError
        ):  # TensorFlow quotes the damaged bytes in its message, which Python then cannot decode
            raise invalid(_UNREADABLE) from None
        return _finite({name: value.numpy() for name, value in found.items()})

    def feature_names(self) -> np.ndarray:
        found: np.ndarray = self._model.feature_names.numpy()
        return found

    def close(self) -> None:
        pass

    def _warm_up(self) -> None:
        for name in self.specs:
            self.answer(Job(name, example_request(name, len(self.contents.text_fields)), 1, 1))


def _finite(answer: Arrays) -> Arrays:
    """Returns an answer; refuses the request if its values were so large that the answer is none, which JSON cannot hold either."""
    for array in answer.values():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            point = int(np.argwhere(~np.isfinite(array))[0][0])
            raise invalid(f"point {point}: the values are so large that its scores are not finite. Scale them down.")
    return answer


def _rule(error: tf.errors.InvalidArgumentError) -> str:
    """The sentence of an in-graph check, which stands in brackets after the words of TensorFlow."""
    text = str(error.message)
    begin, end = text.find("assertion failed: ["), text.find("]\n")
    if begin < 0:
        return _UNREADABLE if "parse example" in text else tensorflow_errors.reason(error)
    sentence = text[begin + len("assertion failed: [") : end if end > 0 else None]
    return sentence.split("] [[")[0].strip("[] ")

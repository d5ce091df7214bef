"""TensorFlow Serving's REST interface: the row and the column form of requests and answers.

Its definition: https://www.tensorflow.org/tfx/serving/api_rest.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import Any, NamedTuple, Optional

import numpy as np

from mach_tf.serving.service.jobs import Arrays, Job, Specs
from mach_tf.serving.service.own_requests import RequestLimits
from mach_tf.serving.service.problems import RequestError, invalid, shown
from mach_tf.signature_names import IDS, SERVING_SIGNATURE, SPLITS, TRUE_LABELS, VALUES

_K = "k"
# The inputs of row-compressed points; all others have one entry per point.
_OF_ENTRIES = (SPLITS, IDS, VALUES)


class RestRequest(NamedTuple):
    """A request: what is asked, and whether the answer has the row form."""

    job: Job
    rows: bool


def read(body: Any, specs: Specs, labels: int, limits: RequestLimits) -> RestRequest:
    """Reads the body of a `:predict` request.

    Args:
      body: the parsed JSON: `instances` or `inputs`, and perhaps `signature_name`.
      specs: of each signature the inputs but k.
      labels: K.
      limits: what a request may ask for.

    Raises:
      RequestError: the content breaks a rule or a limit.
    """
    if not isinstance(body, dict) or ("instances" in body) == ("inputs" in body):
        raise invalid("The body must be a JSON object with either instances (row form) or inputs (column form).")
    name = body.get("signature_name", SERVING_SIGNATURE)
    if not isinstance(name, str) or name not in specs:
        raise invalid(f"signature_name must be one of {', '.join(sorted(specs))} (got {shown(name)}).")
    rows = "instances" in body
    named = _columns(body["instances"], specs, name) if rows else _inputs(body["inputs"], specs, name)
    ks = np.unique(_array(named.pop(_K), _K, np.dtype(np.int32), ()))
    if not len(ks):
        raise invalid("k must be a number, or one per instance (got none).")
    k = max(limits.check_k(int(each), labels) for each in ks)
    inputs = {key: _array(named[key], key, spec.dtype, spec.shape) for key, spec in specs[name].items()}
    _check_splits(inputs)
    points = len(inputs[SPLITS]) - 1 if SPLITS in inputs else len(next(iter(inputs.values())))
    limits.check_points(points)
    for key, array in inputs.items():
        if key not in _OF_ENTRIES and len(array) != points:
            raise invalid(f"{key} must have one entry per point (got {len(array)} for {points} points).")
    if TRUE_LABELS in inputs:
        limits.check_true_labels(inputs[TRUE_LABELS].shape[1])
    _check_texts(inputs, limits)
    return RestRequest(Job(name, inputs, points, k), rows)


def answer(found: Arrays, rows: bool) -> dict[str, Any]:
    """Returns the body of the answer in the row or the column form; strings are text."""
    values = {name: _json(array) for name, array in found.items()}
    if not rows:
        return {"outputs": values}
    return {"predictions": [dict(zip(values, row)) for row in zip(*values.values())]}


def _columns(instances: Any, specs: Specs, signature: str) -> dict[str, Any]:
    if not isinstance(instances, list) or not instances:
        raise invalid("instances must be a list of at least one instance.")
    if SPLITS in specs[signature]:
        raise invalid("Row-compressed points have no row form: give inputs, or use another signature.")
    wanted = {*specs[signature], _K}
    for place, instance in enumerate(instances):
        if not isinstance(instance, dict) or set(instance) != wanted:
            raise _other_inputs("instances must be objects", wanted, f" (instance {place} is not)", specs, signature)
    return {key: [instance[key] for instance in instances] for key in wanted}


def _inputs(inputs: Any, specs: Specs, signature: str) -> dict[str, Any]:
    wanted = {*specs[signature], _K}
    if not isinstance(inputs, dict) or set(inputs) != wanted:
        raise _other_inputs("inputs must be an object", wanted, "", specs, signature)
    return dict(inputs)


def _other_inputs(rule: str, wanted: Collection[str], got: str, specs: Specs, signature: str) -> RequestError:
    """Returns the error of inputs that are not those of the signature, which may not be the one that was meant."""
    others = ", ".join(f"{name} ({', '.join(sorted(specs[name]))})" for name in sorted(specs) if name != signature)
    return invalid(
        f"{rule} of {', '.join(sorted(wanted))}, for the signature {signature}{got}. For other inputs give signature_name: {others}."
    )


def _array(value: Any, name: str, dtype: np.dtype, shape: tuple[Optional[int], ...]) -> np.ndarray:
    """Returns a value as an array of a shape, in which None is any length; of shape (), a list of one per instance is right too."""
    try:
        if dtype.kind == "O":
            value = _decoded(value)
            array = np.array(value, object)
            good = all(isinstance(each, (str, bytes)) for each in array.ravel())
        else:
            array = np.array(value)
            good = array.dtype.kind in ("iuf" if dtype.kind == "f" else "iu") or not array.size
            good = good and not _has_bool(value) and _fits(array, dtype)
            array = array.astype(dtype) if good else array
    except (ValueError, TypeError, OverflowError, RecursionError):
        good, array = False, np.array(0)
    fits = len(shape) == array.ndim and all(size in (None, got) for size, got in zip(shape, array.shape))
    if not good or not (fits or (not shape and array.ndim == 1)):
        kind = "texts" if dtype.kind == "O" else "finite numbers" if dtype.kind == "f" else "whole numbers"
        wanted = ", ".join("n" if size is None else str(size) for size in shape)
        raise invalid(f"{name} must be {kind}, of the shape [{wanted}]{'' if shape else ' or [n]'}.")
    return array


def _has_bool(value: Any) -> bool:
    """Whether true or false is in a list or its lists, which NumPy takes for 1 and 0 beside numbers."""
    kinds = set(map(type, value)) if isinstance(value, list) else {type(value)}
    return bool in kinds or (list in kinds and any(map(_has_bool, value)))


def _fits(array: np.ndarray, dtype: np.dtype) -> bool:
    """Whether numbers stay what they are as `dtype`: NumPy takes whole ones modulo 2^32 or 2^64, and makes others infinite."""
    if not array.size:
        return True
    if dtype.kind == "f":
        return bool(np.all(np.abs(array) <= np.finfo(dtype).max))
    limits = np.iinfo(dtype)
    return int(array.min()) >= limits.min and int(array.max()) <= limits.max


def _check_splits(inputs: Arrays) -> None:
    """Raises RequestError unless row_splits divide the entries. Unchecked, a request would reach into the next one of its batch."""
    if SPLITS not in inputs:
        return
    splits, entries = inputs[SPLITS], len(inputs[IDS])
    if len(inputs[VALUES]) != entries:
        raise invalid(f"feature_ids and feature_values must have one length (got {entries} and {len(inputs[VALUES])}).")
    if not len(splits) or splits[0] != 0 or splits[-1] != entries or (np.diff(splits) < 0).any():
        raise invalid(f"row_splits must ascend from 0 to {entries}, the number of feature_ids.")


def _decoded(value: Any) -> Any:
    """Returns a value with {"b64": ...} as bytes, and texts as they are."""
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError):
            raise invalid("b64 must be base64.") from None
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return value


def _check_texts(inputs: Arrays, limits: RequestLimits) -> None:
    texts = inputs.get("texts", np.empty(0, object))
    for fields in texts.reshape(len(texts), -1) if texts.size else ():
        limits.check_text(sum(len(each.decode("utf-8", "replace")) for each in fields))


def _json(array: np.ndarray) -> Any:
    if array.dtype.kind == "O":
        return _texts(array.tolist())
    return array.tolist()


def _texts(value: Any) -> Any:
    return [_texts(each) for each in value] if isinstance(value, list) else value.decode("utf-8", "replace")

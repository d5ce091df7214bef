"""JSON schemas of TensorFlow Serving's REST interface, made from the signatures of a servable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mach_tf.serving.service.answer_schemas import NUMBER, TEXT, Schema, of_list, of_object
from mach_tf.signature_names import SERVING_SIGNATURE, SPLITS

_K = "k"
_NUMBERS: dict[str, Schema] = {"DT_FLOAT": NUMBER, "DT_INT32": {"type": "integer"}, "DT_INT64": {"type": "integer"}}
_STRING: Schema = {"oneOf": [TEXT, of_object({"b64": TEXT})]}


def requests(metadata: Mapping[str, Any], most_k: int) -> Schema:
    """Returns the schema of the body of `:predict`: of each signature the column form, and the row form where it has one.

    Args:
      metadata: the definitions of the signatures by name, as TensorFlow Serving's metadata have them.
      most_k: the largest k that is allowed.
    """
    forms = []
    for name, definition in sorted(metadata.items()):
        inputs = definition["inputs"]
        k = {"type": "integer", "minimum": 1, "maximum": most_k}
        columns = {key: _array(each, _rank(each)) for key, each in inputs.items() if key != _K}
        forms.append(_form(name, "inputs", of_object({**columns, _K: k})))
        if SPLITS not in inputs:
            rows = {key: _array(each, _rank(each) - 1) for key, each in inputs.items() if key != _K}
            forms.append(_form(name, "instances", of_list(of_object({**rows, _K: k}), minItems=1)))
    return {"oneOf": forms}


def _form(signature: str, key: str, content: Schema) -> Schema:
    """Returns the schema of a body; other keys than these are ignored, as TensorFlow Serving ignores them."""
    other = "instances" if key == "inputs" else "inputs"
    required = [key] if signature == SERVING_SIGNATURE else ["signature_name", key]
    properties = {"signature_name": {"const": signature}, key: content}
    return {"type": "object", "properties": properties, "required": required, "not": {"required": [other]}}


def _array(definition: Mapping[str, Any], rank: int) -> Schema:
    schema = _NUMBERS.get(definition["dtype"], _STRING)
    for _ in range(rank):
        schema = of_list(schema)
    return schema


def _rank(definition: Mapping[str, Any]) -> int:
    return len(definition["tensor_shape"].get("dim", ()))

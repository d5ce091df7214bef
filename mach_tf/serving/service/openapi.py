"""The OpenAPI document of the service."""

from __future__ import annotations

from typing import Any, Optional

from mach_tf.serving.contents import ServableContents
from mach_tf.serving.service import attack_requests
from mach_tf.serving.service.own_requests import RequestLimits
from mach_tf.top_labels import default_k

_ERRORS = {
    "400": "The request breaks a rule.",
    "401": "The token is missing or wrong.",
    "404": "There is no such path, model or version.",
    "405": "The path takes another method.",
    "413": "The request is beyond a limit.",
    "503": "The queue is full; Retry-After says when to try again.",
    "504": "The request was not answered in time.",
}


def document(name: str, contents: ServableContents, limits: RequestLimits) -> dict[str, Any]:
    """Returns the document.

    Args:
      name: the name of the model.
      contents: what the servable is.
      limits: what a request may ask for.
    """
    fields, labels = contents.text_fields, contents.labels
    k = {"type": "integer", "minimum": 1, "maximum": min(limits.k, labels), "default": min(default_k(labels), limits.k)}
    ids = {"type": "array", "items": {"type": "integer", "minimum": 0, "exclusiveMaximum": contents.features}}
    by_id = _object({"feature_ids": ids, "feature_values": {"type": "array", "items": {"type": "number"}}})
    by_name = _object({"features": {"type": "object", "additionalProperties": {"type": "number"}}})
    points = {"type": "array", "maxItems": limits.points, "items": {"oneOf": [by_id, by_name]}}
    forms = [_object({"points": points, "k": k}, ["points"])]
    if fields:
        text = {"type": "string", "maxLength": limits.text_length}
        of_fields = _object(dict.fromkeys(fields, text), [])
        texts = {"type": "array", "maxItems": limits.points, "items": {"oneOf": [text, of_fields]}}
        forms.insert(0, _object({"texts": texts, "k": k}, ["texts"]))
    body = {"oneOf": forms}
    label = {"type": "integer", "minimum": 0, "exclusiveMaximum": labels}
    of_attack = {
        "epsilon": {
            "type": "number",
            "minimum": 0,
            "maximum": attack_requests.MOST_EPSILON,
            "default": attack_requests.DEFAULT_EPSILON,
        },
        "true_labels": {
            "type": "array",
            "description": "The labels that the attack takes as true, of each point; by default those that are predicted.",
            "items": {"type": "array", "maxItems": limits.k, "items": label},
        },
    }
    attack = {"oneOf": [{**form, "properties": {**form["properties"], **of_attack}} for form in forms]}
    rest = {"type": "object"}
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": "1", "description": "The best labels of texts or points, and the reasons."},
        "paths": {
            "/predict": {"post": _operation("Ranks labels.", body)},
            "/explain": {"post": _operation("Ranks labels and says what speaks for and against each.", body)},
            "/attack": {"post": _operation("Ranks labels before and after an FGSM step.", attack)},
            f"/v1/models/{name}": {"get": _operation("The versions and their state (TensorFlow Serving).")},
            f"/v1/models/{name}/metadata": {"get": _operation("The signatures (TensorFlow Serving).")},
            f"/v1/models/{name}:predict": {"post": _operation("Calls a signature (TensorFlow Serving).", rest)},
            "/healthz": {"get": _operation("Whether the process lives.")},
            "/readyz": {"get": _operation("Whether a model is served.")},
            "/metrics": {"get": _operation("Measurements for Prometheus.", content="text/plain")},
        },
        "components": {
            "schemas": {
                "Error": _object({"error": {"type": "string"}, "code": {"type": "string"}}, ["error", "code"]),
            }
        },
    }


def _object(properties: dict[str, Any], required: Optional[list[str]] = None) -> dict[str, Any]:
    """Returns the schema of an object; by default all properties are required."""
    required = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _operation(summary: str, body: Any = None, content: str = "application/json") -> dict[str, Any]:
    schema = {"type": "string"} if content == "text/plain" else {"type": "object"}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {
            "200": {"description": "The answer.", "content": {content: {"schema": schema}}},
            **{status: {"description": text, "content": error} for status, text in _ERRORS.items()},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation

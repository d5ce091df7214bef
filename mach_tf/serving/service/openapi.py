"""The OpenAPI document of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from mach_tf.serving.contents import ServableContents
from mach_tf.serving.kept_examples import Example
from mach_tf.serving.service import answer_schemas, attack_requests, rest_schemas
from mach_tf.serving.service.answer_schemas import NUMBER, Schema, of_list, of_object
from mach_tf.serving.service.own_requests import RequestLimits
from mach_tf.signature_names import ATTACK_SIGNATURE, EXPLAIN_SIGNATURE
from mach_tf.top_labels import default_k

_ERRORS = {
    400: "The request breaks a rule; the error names it.",
    401: "The token is missing or wrong.",
    404: "There is no such path, model or version.",
    408: "The body did not arrive in time.",
    413: "The request is beyond a limit.",
    415: "The body is compressed.",
    500: "The service failed; its log has the reason.",
    503: "The queue or the list of connections is full, the process of the model ended, or the service is being stopped; Retry-After says "
    "when to try again.",
    504: "The request was not answered in time.",
}
_OF_BODIES = (400, 408, 413, 415, 503, 504)
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
_VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}


def document(
    name: str,
    contents: ServableContents,
    metadata: Mapping[str, Any],
    limits: RequestLimits,
    examples: Sequence[Example] = (),
    token: bool = False,
    named: bool = True,
) -> dict[str, Any]:
    """Returns the document.

    Args:
      name: the name of the model.
      contents: what the servable is.
      metadata: the definitions of its signatures by name.
      limits: what a request may ask for.
      examples: texts or points to try.
      token: whether requests need the token.
      named: whether features have names.
    """
    forms = _forms(contents, limits, named)
    label = {"type": "integer", "minimum": 0, "exclusiveMaximum": contents.labels}
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
    attack = [{**form, "properties": {**form["properties"], **of_attack}} for form in forms]
    kind = "texts" if contents.text_fields else "points"
    shown = {f"example {number}": {"value": {kind: [one]}} for number, one in enumerate(examples, 1)}

    def own(summary: str, answer: Schema, bodies: list[Schema]) -> dict[str, Any]:
        return {"post": _operation(summary, answer, token, {"oneOf": bodies}, examples=shown)}

    paths = {"/predict": own("Ranks labels.", answer_schemas.RANKED, forms)}
    if EXPLAIN_SIGNATURE in contents.signatures:
        summary = "Ranks labels and says what speaks for and against each."
        paths["/explain"] = own(summary, answer_schemas.EXPLAINED, forms)
    if ATTACK_SIGNATURE in contents.signatures:
        paths["/attack"] = own("Ranks labels before and after an FGSM step.", answer_schemas.ATTACKED, attack)
    model = f"/v1/models/{name}"
    rest = rest_schemas.requests(metadata, min(limits.k, contents.labels))
    predict = _operation("Calls a signature (TensorFlow Serving).", answer_schemas.OUTPUTS, token, rest)
    state = _operation("The version that is served (TensorFlow Serving).", answer_schemas.STATE, token)
    signatures = _operation("The signatures (TensorFlow Serving).", answer_schemas.METADATA, token)
    paths |= {
        model: {"get": state},
        f"{model}/metadata": {"get": signatures},
        f"{model}:predict": {"post": predict},
        f"{model}/versions/{{version}}": {"get": _of_version(state)},
        f"{model}/versions/{{version}}/metadata": {"get": _of_version(signatures)},
        f"{model}/versions/{{version}}:predict": {"post": _of_version(predict)},
        "/": {"get": _operation("A page to try the model on.", None, token, content="text/html")},
        "/openapi.json": {"get": _operation("This document.", {"type": "object"}, token)},
        "/metrics": {"get": _operation("Measurements for Prometheus.", None, token, content="text/plain")},
        "/healthz": {"get": _operation("Whether the process lives.", answer_schemas.LIVING)},
        "/readyz": {"get": _operation("Whether a model is served.", answer_schemas.READY)},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": "1",
            "description": "The best labels of texts or points, and the reasons. The Content-Type of a body is ignored.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": answer_schemas.ERROR},
            **({"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}} if token else {}),
        },
    }


def _forms(contents: ServableContents, limits: RequestLimits, named: bool) -> list[Schema]:
    """Returns the forms of a request: texts if the model takes some, and points, with features by id, and by name if they have names."""
    fields, labels = contents.text_fields, contents.labels
    k = {"type": "integer", "minimum": 1, "maximum": min(limits.k, labels), "default": min(default_k(labels), limits.k)}
    ids = of_list({"type": "integer", "minimum": 0, "exclusiveMaximum": contents.features})
    by_id = of_object({"feature_ids": ids, "feature_values": of_list(NUMBER)})
    by_name = of_object({"features": {"type": "object", "additionalProperties": NUMBER}})
    points = of_list({"oneOf": [by_id, by_name] if named else [by_id]}, maxItems=limits.points)
    forms = [of_object({"points": points, "k": k}, ["points"])]
    if fields:
        text = {"type": "string", "maxLength": limits.text_length}
        texts = of_list({"oneOf": [text, of_object(dict.fromkeys(fields, text), [])]}, maxItems=limits.points)
        forms.insert(0, of_object({"texts": texts, "k": k}, ["texts"]))
    return forms


def _of_version(operation: dict[str, Any]) -> dict[str, Any]:
    missing = {"404": {"description": _ERRORS[404], "content": _ERROR}}
    return {**operation, "parameters": [_VERSION], "responses": {**operation["responses"], **missing}}


def _operation(
    summary: str,
    answer: Optional[Schema],
    token: bool = False,
    body: Optional[Schema] = None,
    content: str = "application/json",
    examples: Optional[dict[str, Any]] = None,
) -> dict[str, Any]:
    """Returns an operation.

    Args:
      summary: what it does.
      answer: the schema of its answer; None for one that is no JSON.
      token: whether it needs the token.
      body: the schema of its body; None if it has none.
      content: the media type of its answer.
      examples: bodies to try, by their names.
    """
    statuses = {500, 503, *(() if body is None else _OF_BODIES), *((401,) if token else ())}
    schema = {"type": "string"} if answer is None else answer
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {
            "200": {"description": "The answer.", "content": {content: {"schema": schema}}},
            **{str(status): {"description": _ERRORS[status], "content": _ERROR} for status in sorted(statuses)},
        },
    }
    if token:
        operation["security"] = [{"token": []}]
    if body is not None:
        shown = {"examples": examples} if examples else {}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body, **shown}}}
    return operation

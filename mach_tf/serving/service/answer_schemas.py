"""JSON schemas of what the service answers, for its OpenAPI document."""

from __future__ import annotations

from typing import Any, Optional

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer", "minimum": 0}


def of_object(properties: dict[str, Any], required: Optional[list[str]] = None) -> Schema:
    """Returns the schema of an object; by default all properties are required."""
    required = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def of_list(items: Schema, **limits: int) -> Schema:
    """Returns the schema of a list."""
    return {"type": "array", "items": items, **limits}


_LABEL = {"label": WHOLE, "name": TEXT, "score": NUMBER, "probability": NUMBER}
_REASON = of_object({"feature": WHOLE, "name": TEXT, "attribution": NUMBER}, ["feature", "attribution"])
_EXPLAINED = of_object(
    {**_LABEL, "baseline_score": NUMBER, "reasons": of_list(_REASON), "word_attributions": of_list(NUMBER)},
    [*_LABEL, "baseline_score", "reasons"],
)
_WORD = of_object({"field": WHOLE, "begin": WHOLE, "end": WHOLE})
_ATTACKED = of_list(of_object({**_LABEL, "attacked_score": NUMBER, "attacked_probability": NUMBER}))
_MOVE = of_object({"feature": WHOLE, "name": TEXT, "move": NUMBER}, ["feature", "move"])

ERROR = of_object({"error": TEXT, "code": TEXT})
LIVING = of_object({"status": {"const": "alive"}})
READY = of_object({"status": {"const": "ready"}, "version": WHOLE})
STATE = of_object(
    {
        "model_version_status": of_list(
            of_object(
                {"version": TEXT, "state": TEXT, "status": of_object({"error_code": TEXT, "error_message": TEXT})}
            )
        )
    }
)
METADATA = of_object(
    {
        "model_spec": of_object({"name": TEXT, "signature_name": TEXT, "version": TEXT}),
        "metadata": of_object({"signature_def": of_object({"signature_def": {"type": "object"}})}),
    }
)
# The row and the column form.
OUTPUTS: Schema = {
    "oneOf": [of_object({"predictions": of_list({"type": "object"})}), of_object({"outputs": {"type": "object"}})]
}


def predictions(point: Schema) -> Schema:
    """Returns the schema of an answer of /predict, /explain or /attack."""
    return of_object({"model": TEXT, "version": WHOLE, "predictions": of_list(point)})


# Texts have `known_terms`, unless the servable is older than that.
RANKED = predictions(of_object({"labels": of_list(of_object(_LABEL)), "known_terms": WHOLE}, ["labels"]))
EXPLAINED = predictions(
    of_object({"labels": of_list(_EXPLAINED), "words": of_list(_WORD), "known_terms": WHOLE}, ["labels"])
)
_ATTACKED_POINT = {
    "labels": _ATTACKED,
    "attacked_labels": _ATTACKED,
    "loss": NUMBER,
    "attacked_loss": NUMBER,
    "relative_norm": NUMBER,
    "moves": of_list(_MOVE),
}
ATTACKED = predictions(of_object({**_ATTACKED_POINT, "known_terms": WHOLE}, list(_ATTACKED_POINT)))

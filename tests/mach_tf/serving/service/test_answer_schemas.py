from __future__ import annotations

from mach_tf.serving.service import answer_schemas


def test_objects_are_closed_and_their_properties_required_unless_said_otherwise():
    schema = answer_schemas.of_object({"a": answer_schemas.TEXT, "b": answer_schemas.NUMBER})
    assert schema["required"] == ["a", "b"]
    assert schema["additionalProperties"] is False
    assert answer_schemas.of_object({"a": answer_schemas.TEXT}, [])["required"] == []


def test_an_explanation_has_what_a_ranking_has():
    ranked, explained = (
        answer["properties"]["predictions"]["items"]["properties"]["labels"]["items"]["properties"]
        for answer in (answer_schemas.RANKED, answer_schemas.EXPLAINED)
    )
    assert set(ranked) < set(explained)

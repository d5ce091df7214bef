from __future__ import annotations

import json

import pytest

from mach_tf.serving.contents import ServableContents
from mach_tf.serving.service import openapi
from mach_tf.serving.service.own_requests import RequestLimits


def contents(fields):
    return ServableContents("demo", 60, 3, "logit_mean", "float32", 0.0, [], True, "", {}, fields)


@pytest.mark.parametrize("fields", [[], ["title", "body"]])
def test_the_document_states_the_limits_and_the_forms(fields):
    limits = RequestLimits(points=7, text_length=99)
    document = json.loads(json.dumps(openapi.document("demo", contents(fields), limits)))
    forms = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert len(forms) == (2 if fields else 1)
    assert all(form["properties"]["k"]["maximum"] == 3 for form in forms)
    assert forms[-1]["properties"]["points"]["maxItems"] == 7
    if fields:
        text, of_fields = forms[0]["properties"]["texts"]["items"]["oneOf"]
        assert text["maxLength"] == 99
        assert list(of_fields["properties"]) == fields
    assert "/v1/models/demo:predict" in document["paths"]
    attack = document["paths"]["/attack"]["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert [set(form["properties"]) - {"epsilon", "true_labels"} for form in attack] == [
        set(form["properties"]) for form in forms
    ]
    assert attack[0]["properties"]["true_labels"]["items"]["items"]["exclusiveMaximum"] == 3

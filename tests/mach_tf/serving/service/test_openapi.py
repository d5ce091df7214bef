from __future__ import annotations

import json

import pytest

from mach_tf.serving.contents import ServableContents
from mach_tf.serving.service import openapi
from mach_tf.serving.service.own_requests import RequestLimits

METADATA = {
    "serving_default": {"inputs": {"examples": {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": "-1"}]}}}}
}


def contents(fields, signatures=("sparse", "explain", "attack")):
    return ServableContents("demo", 60, 3, "logit_mean", "float32", 0.0, list(signatures), True, "", {}, fields)


@pytest.mark.parametrize("token", [False, True])
def test_the_document_is_valid(token):
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(openapi.document("demo", contents(["title"]), METADATA, RequestLimits(), token=token))


def test_the_token_is_stated_where_it_is_asked_for():
    paths = openapi.document("demo", contents([]), METADATA, RequestLimits(), token=True)["paths"]
    open_paths = {path for path, item in paths.items() for each in item.values() if "security" not in each}
    assert open_paths == {"/healthz", "/readyz"}
    assert all("401" in each["responses"] for path in paths if path not in open_paths for each in paths[path].values())


@pytest.mark.parametrize("fields", [[], ["title", "body"]])
def test_the_document_states_the_limits_and_the_forms(fields):
    limits = RequestLimits(points=7, text_length=99)
    document = json.loads(json.dumps(openapi.document("demo", contents(fields), METADATA, limits)))
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


def test_only_what_the_servable_can_do_is_described():
    document = openapi.document("demo", contents([], ["sparse"]), METADATA, RequestLimits())
    assert set(document["paths"]).isdisjoint({"/explain", "/attack"})


@pytest.mark.parametrize("named", [False, True])
def test_features_by_name_are_described_if_features_have_names(named):
    document = openapi.document("demo", contents([]), METADATA, RequestLimits(), named=named)
    schema = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    (form,) = schema["oneOf"]
    keys = [set(each["properties"]) for each in form["properties"]["points"]["items"]["oneOf"]]
    assert keys == [{"feature_ids", "feature_values"}, *([{"features"}] if named else [])]


@pytest.mark.parametrize(
    ("fields", "example"), [([], {"feature_ids": [3], "feature_values": [1.0]}), (["title"], {"title": "A"})]
)
def test_examples_are_requests(fields, example):
    document = openapi.document("demo", contents(fields), METADATA, RequestLimits(), [example])
    for path in ("/predict", "/explain", "/attack"):
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert content["examples"] == {"example 1": {"value": {"texts" if fields else "points": [example]}}}

from __future__ import annotations

import json

import pytest

from mach_tf.errors import InputError
from mach_tf.sealed_json import seal, unseal

VALUE = {"points": 3, "names": {"b": [1, 2.5], "a": None}}


def test_what_was_sealed_comes_back_from_a_file():
    assert unseal(json.loads(json.dumps(seal(VALUE), indent=2)), "file", "") == VALUE


def test_what_was_never_sealed_is_returned():
    assert unseal(VALUE, "file", "") == VALUE


@pytest.mark.parametrize("change", [{"points": 4}, {"more": 1}, {"sha256": "0"}, {"sha256": None}, {"points": 3.0}])
def test_an_altered_object_is_refused(change):
    with pytest.raises(InputError, match=r"^file must be as it was written, .* Make it again\.$"):
        unseal({**seal(VALUE), **change}, "file", "Make it again.")

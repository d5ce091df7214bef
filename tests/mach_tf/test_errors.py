from __future__ import annotations

import pytest

from mach_tf.errors import InputError


def test_callers_from_python_may_catch_it_as_a_value_error():
    with pytest.raises(ValueError, match="the rule, what came instead"):
        raise InputError("the rule, what came instead")

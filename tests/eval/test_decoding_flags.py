"""From the flags of decoding to the library's settings."""

from __future__ import annotations

import sys

import pytest
from absl import flags

from mach_tf.decoding.approximate import Approximate
from tests.helpers import programs


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ([], None),
        (["--approximate_buckets=3"], None),
        (["--decode=approximate"], Approximate(25, 2)),
        (["--decode=approximate", "--approximate_buckets=3", "--approximate_repetitions=1"], Approximate(3, 1)),
    ],
)
def test_settings(arguments, settings):
    programs.forget_flags()
    from eval import decoding_flags

    flags.FLAGS([sys.argv[0], *arguments])
    assert decoding_flags.approximate() == settings

from __future__ import annotations

import pytest
from absl import flags

from mach_tf.errors import InputError
from mach_tf.programs import unused_flags
from tests.helpers import programs

USERS = {"steps": ("a", "b"), "rule": ("b",)}


@pytest.fixture
def parse():
    programs.forget_flags()
    flags.DEFINE_integer("steps", 5, "")
    flags.DEFINE_string("rule", "left", "")
    yield lambda *given: flags.FLAGS(["program", *given])
    for name in USERS:
        delattr(flags.FLAGS, name)


@pytest.mark.parametrize(
    ("given", "chosen"),
    [([], []), ([], ["c"]), (["--steps=5"], ["a"]), (["--steps=1", "--rule=x"], ["b"]), (["--steps=1"], ["c", "b"])],
)
def test_flags_that_a_chosen_method_uses_are_taken(parse, given, chosen):
    parse(*given)
    unused_flags.check("method", chosen, USERS)


@pytest.mark.parametrize(
    ("given", "chosen", "message"),
    [
        (
            ["--steps=1"],
            ["c", "d"],
            r"^--steps has no effect with --method=c,d: it is for --method=a\|b\. Leave it out",
        ),
        (["--steps=5"], ["c"], "--steps has no effect"),  # also at its default
        (["--rule=x"], ["a"], r"--rule has no effect with --method=a: it is for --method=b\."),
        (["--rule=x"], [], "--rule has no effect without --method: "),
    ],
)
def test_others_are_refused(parse, given, chosen, message):
    parse(*given)
    with pytest.raises(InputError, match=message):
        unused_flags.check("method", chosen, USERS)

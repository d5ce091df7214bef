"""The runner that the flags describe."""

import importlib
import os

import pytest
from absl import flags

from mach_tf.errors import InputError
from tests.helpers import programs


@pytest.fixture
def parse():
    programs.forget_flags()
    module = importlib.import_module("benchmarks.peers_flags")

    def runner(*arguments):
        flags.FLAGS(["program", *arguments])
        return module.runner("valid")

    return runner


def test_environments_are_kept_with_the_results_by_default(parse):
    runner = parse("--output_dir=somewhere", "--minutes=2", "--norun")
    assert runner.environments_dir == os.path.join("somewhere", "environments")
    assert (runner.output_dir, runner.split) == (os.path.abspath("somewhere"), "valid")
    assert (runner.minutes, runner.run, runner.threads) == (2.0, False, os.cpu_count() or 1)


def test_an_unknown_shape_is_refused(parse):
    with pytest.raises(InputError, match=r"--shapes must be among whole, tenth, .* \(got round\)"):
        parse("--shapes=whole,tenth+round")

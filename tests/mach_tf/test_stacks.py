from __future__ import annotations

import ast
import pathlib

import pytest
from packaging.requirements import Requirement

from mach_tf import stacks

SETUP = pathlib.Path(__file__).parents[2] / "setup.py"
PYTHONS = sorted(stacks.BY_PYTHON)


def setup_argument(name):
    """The value of an argument of setuptools.setup, read from the text of setup.py."""
    call = next(node for node in ast.walk(ast.parse(SETUP.read_text())) if getattr(node, "keywords", None))
    return ast.literal_eval(next(keyword.value for keyword in call.keywords if keyword.arg == name))


def requirements(python, argument="install_requires"):
    """What pip installs with mach_tf on a version of Python, by name."""
    environment = {"python_version": ".".join(map(str, python))}
    found = map(Requirement, setup_argument(argument))
    return {each.name: each.specifier for each in found if not each.marker or each.marker.evaluate(environment)}


@pytest.mark.parametrize("python", PYTHONS)
def test_setup_installs_the_stack_of_each_python(python):
    installed = requirements(python)
    stack = stacks.of_python(python)
    for requirement in map(Requirement, stack.requirements):
        specifier = installed[requirement.name]
        # numpy has a lower bound too.
        assert set(map(str, requirement.specifier)) <= set(map(str, specifier))
    assert {"tensorflow-addons", "tf-keras"} & {*installed} == {stack.companion}


@pytest.mark.parametrize("python", PYTHONS)
def test_what_setup_installs_is_accepted(python):
    stack = stacks.of_python(python)
    installed = requirements(python)
    releases = [f"2.{minor}.1" for minor in range(10, 30) if f"2.{minor}.1" in installed["tensorflow"]]
    assert releases
    companion = {"tensorflow-addons": "0.23.0"}.get(stack.companion)
    assert all(stack.accepts(release, companion or release) for release in releases)


def test_setup_names_the_pythons():
    classifiers = [text.rpartition(" ")[2] for text in setup_argument("classifiers") if "Python :: 3." in text]
    assert classifiers == [".".join(map(str, python)) for python in PYTHONS]
    first, last = PYTHONS[0], PYTHONS[-1]
    assert setup_argument("python_requires") == f">={first[0]}.{first[1]},<{last[0]}.{last[1] + 1}"


@pytest.mark.parametrize(
    ("python", "tensorflow", "companion", "accepted"),
    [
        ((3, 9), "2.15.1", "0.23.0", True),
        ((3, 11), "2.15.0", "0.23.0", True),
        ((3, 11), "2.15.1", None, False),
        ((3, 11), "2.19.1", "2.19.0", False),
        ((3, 12), "2.19.1", "2.19.0", True),
        ((3, 12), "2.21.0", "2.21.0", True),
        ((3, 12), "2.21.0", "2.20.1", False),
        ((3, 12), "2.18.0", "2.18.0", False),
        ((3, 12), "2.19.1", None, False),
        ((3, 12), None, "2.19.0", False),
        ((3, 13), "2.21.0", "2.21.0", True),
        ((3, 13), "2.20.0", "2.20.1", True),
        ((3, 13), "2.22.0", "2.22.0", False),
        ((3, 13), "2", "2", False),
        ((3, 13), "3.20.0rc1", "3.20.0rc1", False),
        ((3, 14), "2.21.0", "2.21.0", True),
    ],
)
def test_pairs(python, tensorflow, companion, accepted):
    assert stacks.of_python(python).accepts(tensorflow, companion) == accepted


def test_a_stack_in_words():
    assert str(stacks.of_python((3, 11))) == "TensorFlow 2.15 with tensorflow-addons 0.23"
    assert str(stacks.of_python((3, 12))) == "TensorFlow 2.19, 2.20 or 2.21 with tf-keras of the same release"

"""The checks of the documents against the code."""

from __future__ import annotations

import pathlib
import tempfile

from absl.testing import absltest

from docs.tools import checks

_MODULE = '''"""A module."""

def documented():
    """Does it."""

def bare(): ...

def _private(): ...

class Thing:
    """A thing."""

    def __init__(self): ...

    @property
    def size(self):
        """Its size."""

    @size.setter
    def size(self, value): ...

    def bare_too(self): ...

class _Hidden:
    def inside(self): ...
'''


class ChecksTest(absltest.TestCase):
    def _folder(self) -> pathlib.Path:
        return pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))

    def test_missing_docstrings(self):
        self.assertEqual(checks.missing_docstrings(_MODULE), ["bare", "Thing.bare_too"])
        self.assertEqual(checks.missing_docstrings("x = 1"), ["the module"])

    def test_unknown_parameters(self):
        source = '''
def right(a, b, *rest, c=1, **more):
    """Does it.

    Args:
      a, b: the first two; not
        this: a continuation line.
      *rest: others.
      c: the last.
      **more: named ones.

    Returns:
      d: nothing.
    """

def wrong(a):
    """Does it.

    Args:
      a, gone: one that is gone.
      renamed: another.
    """
'''
        self.assertEqual(checks.unknown_parameters(source), [("wrong", "gone"), ("wrong", "renamed")])

    def test_missing_files(self):
        root = self._folder()
        (root / "mach_tf").mkdir()
        (root / "mach_tf" / "here.py").touch()
        text = "`mach_tf/here.py`, `mach_tf/`, `mach_tf/gone.py`, `mach_tf/gone.py`, mach_tf/unquoted.py, `other/x.py`"
        self.assertEqual(checks.missing_files(text, root), ["mach_tf/gone.py"])

    def test_problems_name_page_module_and_name(self):
        root = self._folder()
        for folder in ("docs/reference", "mach_tf/metrics"):
            (root / folder).mkdir(parents=True)
        (root / "docs/reference/python.md").write_text(
            "# Python\n\n::: mach_tf.one\n\n::: mach_tf.metrics\n\n::: mach_tf.no\n"
        )
        (root / "mach_tf/one.py").write_text(_MODULE)
        (root / "mach_tf/metrics/__init__.py").write_text('"""Metrics."""\n')
        (root / "docs/index.md").write_text("See `train/gone.py`.\n")
        found = list(checks.problems(root))
        self.assertLen(found, 4)
        self.assertEqual(found[0], "mach_tf/one.py: bare must have a docstring, because it is public.")
        self.assertIn("Thing.bare_too", found[1])
        self.assertIn("mach_tf.no must be a module", found[2])
        self.assertIn("docs/index.md: train/gone.py is named here", found[3])


if __name__ == "__main__":
    absltest.main()

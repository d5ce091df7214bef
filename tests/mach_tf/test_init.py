from __future__ import annotations

import subprocess
import sys

import pytest

import mach_tf
from mach_tf.data import matrices


def test_public_names_are_there():
    assert mach_tf.write_dataset is matrices.write_dataset
    assert set(mach_tf.__all__) <= set(dir(mach_tf))
    for name in mach_tf.__all__:
        assert getattr(mach_tf, name).__name__ == name


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="'mach_tf' has no attribute 'nonsense'"):
        mach_tf.nonsense  # noqa: B018


def test_importing_does_not_import_tensorflow():
    script = "import sys, mach_tf; mach_tf.write_dataset; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

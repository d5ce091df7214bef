from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["preprocess", "train", "eval", "explain"])
def test_an_interruption_of_the_imports_is_a_sentence(package):
    done = subprocess.run(
        [sys.executable, "-c", f"import {package}\nraise KeyboardInterrupt"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert done.stderr.startswith("Interrupted. ") and done.stderr.count("\n") == 1


def test_other_errors_keep_their_hook():
    done = subprocess.run(
        [sys.executable, "-c", "import train\nraise KeyError"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "Traceback" in done.stderr

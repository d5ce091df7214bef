"""Makes the environments of the packages that mach_tf is compared with, each on demand and in a folder of its own."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
from typing import Optional

from mach_tf import files

# The versions of Python that all pins have wheels for, the preferred one first.
PYTHON_VERSIONS = ("3.11", "3.10", "3.12", "3.9")
_NUMERICAL = ("numpy==1.26.4", "scipy==1.13.1")
# By package, the steps of pip install. PECOS requires PyTorch for models other than XR-Linear, so its requirements are left out.
PINS: dict[str, tuple[tuple[str, ...], ...]] = {
    "omikuji": ((*_NUMERICAL, "omikuji==0.5.2"),),
    "napkinxc": ((*_NUMERICAL, "napkinxc==0.7.2"),),
    "pecos": (("--no-deps", "libpecos==1.2.8"), (*_NUMERICAL, "scikit-learn==1.5.2")),
}
_INSTALLED = "installed.json"
_LAST_LINES = 2


class Unavailable(Exception):
    """A package cannot be installed here; the message is a sentence that says why."""


def python_of(package: str, folder: str) -> str:
    """Returns the Python of a package's environment, which is made if it is missing or holds other versions.

    Args:
      package: a key of PINS.
      folder: holds one environment per package; made if missing.

    Raises:
      Unavailable: no suitable version of Python, or pip failed.
    """
    environment = os.path.join(os.path.abspath(folder), package)
    python, installed = os.path.join(environment, "bin", "python"), os.path.join(environment, _INSTALLED)
    pins = {"pip install": [list(step) for step in PINS[package]]}
    if os.path.isfile(installed) and files.read_json(installed, "list of installed packages") == pins:
        return python
    base = find_python()
    if base is None:
        raise Unavailable(f"{package} needs Python {', '.join(PYTHON_VERSIONS)} with venv, and none was found.")
    shutil.rmtree(environment, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)
    _run(package, [base, "-m", "venv", environment])
    for step in PINS[package]:
        _run(package, [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *step])
    files.write_json(installed, pins)
    return python


def find_python() -> Optional[str]:
    """Returns the path of a Python of PYTHON_VERSIONS that has venv and pip, from the PATH or from pyenv; None if there is none."""
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    for version in PYTHON_VERSIONS:
        found = [shutil.which(f"python{version}"), *glob.glob(f"{glob.escape(root)}/versions/{version}.*/bin/python")]
        for candidate in filter(None, found):
            code = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
            answer = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
            if answer.stdout.strip() == version:
                return candidate
    return None


def _run(package: str, command: list[str]) -> None:
    """Runs a step of an installation; raises Unavailable if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        last = " ".join(done.stdout.strip().splitlines()[-_LAST_LINES:])
        raise Unavailable(f"{package} cannot be installed: {' '.join(command[1:4])} ended with {last!r:.300}.")

"""Installs the five packages of mach-tf."""

import pathlib
import re

import setuptools

_ROOT = pathlib.Path(__file__).parent
_VERSION = re.search(r'__version__ = "(.+)"', (_ROOT / "mach_tf" / "__init__.py").read_text()).group(1)

setuptools.setup(
    name="mach-tf",
    version=_VERSION,
    description="Extreme multi-label classification with MACH in TensorFlow 2: robust and explainable",
    long_description=(_ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=setuptools.find_packages(include=["mach_tf*", "preprocess", "train", "eval", "explain"]),
    package_data={"explain": ["templates/*"], "mach_tf": ["py.typed", "presets/*.flags"]},
    python_requires=">=3.9,<3.12",
    install_requires=[
        "tensorflow~=2.15.1",
        "tensorflow-addons~=0.23.0",
        "numpy>=1.23.5,<2",
        "scipy>=1.10",
        "absl-py>=1.4",
        # TensorBoard 2.15's command imports pkg_resources, which setuptools 81 dropped.
        "setuptools<81",
        "numba>=0.58",
        "psutil>=5.9",
        "tqdm>=4.64",
        "tabulate>=0.9",
        "matplotlib>=3.6",
        "jinja2>=3.1",
    ],
    extras_require={
        "cuda": ["tensorflow[and-cuda]~=2.15.1"],
        "beam": ["apache-beam>=2.77,<3; python_version >= '3.10'"],
        "test": [
            "pytest>=7",
            "pytest-xdist>=3",
            "mypy>=1.8",
            "ruff>=0.4",
            # Oracles: hash values, tf-idf, metrics, attacks; and a driver for the browser.
            "scikit-learn>=1.3",
            "napkinxc>=0.6",
            "adversarial-robustness-toolbox>=1.17,<2",
            "selenium>=4.10",
        ],
        # The benchmarks compare formulations, not packages: they need what the programs need.
        "benchmarks": [],
    },
)

"""Installs the six packages of mach-tf."""

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
    keywords=[
        "extreme classification",
        "multi-label classification",
        "MACH",
        "count-min sketch",
        "adversarial training",
        "integrated gradients",
        "explainability",
        "tensorflow",
    ],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    # The project's own documents are in the repository: README.md, CHANGELOG.md, docs/.
    project_urls={"Paper": "https://arxiv.org/abs/1910.13830"},
    packages=setuptools.find_packages(include=["mach_tf*", "preprocess", "train", "eval", "explain", "serve"]),
    package_data={
        "mach_tf": ["py.typed"],
        "mach_tf.explanations.reporting": ["templates/*"],
        "mach_tf.presets": ["*.flags", "preprocess/*.flags"],
        "mach_tf.serving.service": ["page.*"],
        "mach_tf.text": ["unicode.npz"],
    },
    entry_points={
        "console_scripts": [
            "mach-preprocess = preprocess.to_tfrecord:run",
            "mach-verify = preprocess.verify:run",
            "mach-plan = train.plan:run",
            "mach-train = train.main:run",
            "mach-export = train.export:run",
            "mach-serve = serve.main:run",
            "mach-eval = eval.main:run",
            "mach-predict = eval.predict:run",
            "mach-robustness = eval.robustness:run",
            "mach-certify = eval.certify:run",
            "mach-explain = explain.main:run",
            "mach-faithfulness = explain.faithfulness:run",
        ]
    },
    python_requires=">=3.9,<3.14",
    install_requires=[
        # mach_tf/stacks.py holds the same stacks: the programs check at start what is installed.
        "tensorflow~=2.15.1; python_version < '3.12'",
        "tensorflow-addons~=0.23.0; python_version < '3.12'",
        "numpy>=1.23.5,<2; python_version < '3.12'",
        "tensorflow~=2.19.1; python_version == '3.12'",
        "tf-keras~=2.19.0; python_version == '3.12'",
        "tensorflow>=2.20,<2.22; python_version >= '3.13'",
        "tf-keras>=2.20,<2.22; python_version >= '3.13'",
        # TensorFlow 2.21 no longer brings it.
        "tensorboard>=2.20,<2.22; python_version >= '3.13'",
        "numpy>=1.26; python_version >= '3.12'",
        "scipy>=1.10",
        "absl-py>=1.4",
        # The commands of TensorBoard 2.15 to 2.20 import pkg_resources, which setuptools 81 dropped.
        "setuptools<81",
        "numba>=0.58",
        "psutil>=5.9",
        "tqdm>=4.64",
        "tabulate>=0.9",
        "matplotlib>=3.6",
        "jinja2>=3.1",
        "zstandard>=0.19",
    ],
    extras_require={
        "cuda": ["tensorflow[and-cuda]"],
        "beam": ["apache-beam>=2.77,<3; python_version >= '3.10'"],
        "ray": ["ray>=2.9,<3"],
        # httptools and uvloop make a request take half of the processor time; uvicorn uses them where they are installed.
        "serve": [
            "starlette>=0.37,<2",
            "uvicorn>=0.29,<1",
            "prometheus-client>=0.20,<1",
            "httptools>=0.6,<1",
            "uvloop>=0.19,<1",
        ],
        "sklearn": ["scikit-learn>=1.3"],
        # pyarrow 26 needs NumPy 2; 16 is the first that works with it.
        "parquet": ["pyarrow>=16,<26"],
        # MkDocs 2 has no plugins.
        "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.5,<10", "mkdocstrings[python]>=0.24"],
        # Executes the notebooks.
        "examples": ["nbclient>=0.10", "ipykernel>=6.20", "scikit-learn>=1.3"],
        "test": [
            "pytest>=7",
            "pytest-xdist>=3",
            "nbformat>=5.7",
            "mypy>=1.8",
            "ruff>=0.4",
            # Oracles: hash values, tf-idf, metrics, attacks; and a driver for the browser.
            "scikit-learn>=1.3",
            "pandas>=1.5,<3",
            "pyarrow>=16,<26",
            "napkinxc>=0.6",
            "adversarial-robustness-toolbox>=1.17,<2",
            "selenium>=4.10",
            # The service, and a client for its tests.
            "starlette>=0.37,<2",
            "uvicorn>=0.29,<1",
            "prometheus-client>=0.20,<1",
            "httptools>=0.6,<1",
            "uvloop>=0.19,<1",
            "httpx>=0.27",
            # Reads the manifests of deploy/, and checks them against the schemas of Kubernetes.
            "pyyaml>=6",
            "kubernetes-validate>=1.30",
        ],
        # The benchmarks need what the programs need, but for the comparison with other packages: it makes the peers' features of texts. Each
        # peer gets an environment of its own, so none stands here.
        "benchmarks": [],
        "peers": ["scikit-learn>=1.3"],
    },
)

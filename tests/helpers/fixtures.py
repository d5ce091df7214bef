"""Fixtures that tests of the library and of the programs share: small datasets, models and a browser."""

from __future__ import annotations

import dataclasses
import shutil
import types

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import ModelManifest
from tests.helpers import model_directory
from tests.helpers import world as worlds
from tests.helpers.tiny import FEATURES as TINY_FEATURES
from tests.helpers.tiny import LABELS as TINY_LABELS
from tests.helpers.tiny import POINTS, train

FEATURES, LABELS, COLUMNS = 60, 30, 40


def matrices(points, seed):
    generator = np.random.default_rng(seed)
    features = scipy.sparse.random(points, FEATURES, density=0.2, format="lil", random_state=seed, dtype=np.float32)
    # The first points have no features; some have no labels.
    features[:2] = 0
    return features.tocsr(), scipy.sparse.csr_matrix(generator.random((points, LABELS)) < 0.1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The directory of a model with random weights, and these."""
    directory = str(tmp_path_factory.mktemp("model"))
    return directory, model_directory.write(directory)


@pytest.fixture(scope="module")
def raw():
    """Raw points for `model`, CSR [23, 60]."""
    return scipy.sparse.random(23, 60, density=0.15, format="csr", random_state=1)


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory):
    """dataset_dir, model_dir, the test split's raw matrices, and the model's weights."""
    dataset_dir, model_dir = str(tmp_path_factory.mktemp("data") / "set"), str(tmp_path_factory.mktemp("model"))
    test = matrices(25, 1)
    dataset = mach_tf.write_dataset(*matrices(40, 0), dataset_dir, test=test, spec=FeatureSpec(COLUMNS))
    weights = model_directory.write(model_dir, features=FEATURES, labels=LABELS, columns=COLUMNS, dataset=dataset)
    return types.SimpleNamespace(dataset_dir=dataset_dir, model_dir=model_dir, test=test, weights=weights)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Each label has a feature of its own, so that it can be learned."""
    rng = np.random.default_rng(0)
    path = str(tmp_path_factory.mktemp("data") / "tiny")
    splits = {}
    for split, points in (("train", POINTS), ("valid", 20)):
        labels = scipy.sparse.random(points, TINY_LABELS, 0.1, "csr", np.float32, rng)
        noise = scipy.sparse.random(points, TINY_FEATURES - TINY_LABELS, 0.1, "csr", np.float32, rng)
        splits[split] = (scipy.sparse.hstack([labels, noise], "csr"), labels)
    mach_tf.write_dataset(*splits["train"], path, valid=splits["valid"], spec=FeatureSpec(dim=0))
    return path


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    model = str(tmp_path_factory.mktemp("models") / "whole")
    train(dataset, model)
    return model


@pytest.fixture(scope="module")
def uncalibrated(trained, tmp_path_factory):
    """The model of `trained` without its calibration."""
    model = str(tmp_path_factory.mktemp("models") / "uncalibrated")
    shutil.copytree(trained, model)
    dataclasses.replace(ModelManifest.read(model), calibration=None).write(model)
    return model


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return worlds.make(str(tmp_path_factory.mktemp("world")))


@pytest.fixture
def terminal(monkeypatch):
    """Lets progress bars be drawn as on a terminal."""
    monkeypatch.setattr("mach_tf.progress_bars._is_redrawn", lambda _: True)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Debian's Chromium, driven by Selenium; no network is needed and the driver is never downloaded."""
    selenium = pytest.importorskip(
        "selenium.webdriver", reason="the browser tests need selenium: pip install -e .[test]"
    )
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("the browser tests need Chromium and its driver: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = binary
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    yield browser
    browser.quit()

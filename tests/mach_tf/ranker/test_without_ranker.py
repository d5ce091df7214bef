"""What does not pass through a ranker yet is refused, and works on the ensemble alone."""

from __future__ import annotations

import shutil

import pytest
import scipy.sparse

import mach_tf
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.training import ranker_training
from tests.helpers import tiny


@pytest.fixture(scope="module")
def ranked(dataset, trained, tmp_path_factory):
    model = str(tmp_path_factory.mktemp("models") / "ranked")
    shutil.copytree(trained, model)
    ranker_training.train(dataset, model, progress=False)
    return model


X = scipy.sparse.random(3, tiny.FEATURES, 0.2, "csr", random_state=0)
Y = scipy.sparse.eye(3, 20, format="csr")
USES = {
    "Certificates": lambda model: mach_tf.certify(model, X, Y, 0.01),
}


@pytest.mark.parametrize("what", USES)
def test_it_is_refused_with_the_remedy(ranked, what):
    with pytest.raises(InputError, match=rf"^{what} are of the ensemble's scores alone.*ranker=False"):
        USES[what](Ensemble.load(ranked))
    USES[what](Ensemble.load(ranked, ranker=False))

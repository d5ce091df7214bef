"""A model without and with a ranker, for the tests of how its labels are explained."""

from __future__ import annotations

import pytest

from mach_tf.ensemble import Ensemble
from tests.helpers import rankers


@pytest.fixture(scope="module", params=["alone", "ranked"])
def ensemble(request, world, tmp_path_factory):
    if request.param == "alone":
        return Ensemble.load(world.model)
    return Ensemble.load(rankers.with_ranker(world.model, str(tmp_path_factory.mktemp("ranked") / "model"), 30, 40))

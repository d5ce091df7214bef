"""The largest size of the list that is certified: trying every size one by one finds the same."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.certificates.certificate_run import CertificateRun
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.certificates.proved_epsilon import proved_epsilons
from mach_tf.network import Network
from mach_tf.points import from_csr
from tests.helpers import rankers


@pytest.mark.parametrize("ranked", [False, True])
def test_the_size_is_certified_and_the_next_is_not(evaluated, tmp_path, ranked):
    network = Network.load(evaluated.model_dir)
    if ranked:
        shape = network.labels, network.manifest.columns
        network = Network.load(rankers.with_ranker(evaluated.model_dir, str(tmp_path / "ranked"), *shape))
    points = network.manifest.feature_spec.apply(from_csr(*evaluated.test))[range(8)]
    top = network.decode(points.features(network.manifest.columns), 1).labels[:, 0]
    done = []
    found = proved_epsilons(network, points, top, 0.5, 1 / 1024, progress=done.append)
    sizes = 0.5 / 1024 ** np.linspace(1, 0, 64)
    assert (
        sum(done) == 8
        and (found > 0).sum() > 3
        and set(np.searchsorted(sizes, found[found > 0] * 0.999)) <= set(range(64))
    )
    for size in sizes[[5, 20, 40, 60]]:
        (certified,) = CertificateRun(network, [PerturbationSet(float(size))], [1], 100).certify(points, top[:, None])
        clear = np.abs(np.log(np.maximum(found, 1e-9) / size)) > 0.12  # not the sizes beside it
        np.testing.assert_array_equal(certified.top_unchanged[clear], (found >= size)[clear])
    known = np.full(8, sizes[10])
    assert (proved_epsilons(network, points, top, 0.5, 1 / 1024, found=known) < known).all()

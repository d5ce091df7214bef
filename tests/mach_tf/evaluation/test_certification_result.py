"""certification_result: the table, the files and the figure of what was proved."""

import json

import numpy as np
import pytest

from mach_tf.certificates.certificate_run import CertifiedPoints
from mach_tf.certificates.perturbations import PerturbationSet
from mach_tf.evaluation.certification_result import Certification, CertifiedSize


def certification(attacked):
    def size(epsilon, hits, left):
        proved = CertifiedPoints(
            PerturbationSet(epsilon),
            np.array([True, False]),
            np.array(hits),
            np.zeros((2, 3, 2)),
            np.zeros(2, np.int32),
        )
        return CertifiedSize(proved, np.array(left) if attacked else None)

    sizes = (size(0.0, [[1, 3], [1, 2]], [[1, 3], [1, 2]]), size(0.1, [[1, 1], [0, 0]], [[1, 2], [1, 1]]))
    names = ("pgd",) if attacked else ()
    return Certification((1, 3), np.zeros((2, 3), np.int32), np.array([[1, 3], [1, 2]]), sizes, names)


def test_metrics_are_in_percent():
    found = certification(True)
    assert found.metrics(found.sizes[1]) == pytest.approx(
        {
            "P@1": 100,
            "P@3": 500 / 6,
            "certified P@1": 50,
            "certified P@3": 100 / 6,
            "attacked P@1": 100,
            "attacked P@3": 50,
            "top label certified": 50,
            "P@1 undecided": 50,
            "P@3 undecided": 200 / 6,
        }
    )


@pytest.mark.parametrize("attacked", [False, True])
def test_the_table_has_a_row_per_epsilon(attacked):
    found = certification(attacked)
    lines = str(found).splitlines()
    assert lines[0] == "2 points, in percent"
    assert len(lines) == 5 and lines[-1].split()[:4] == ["0.1", "100.00", "83.33", "50.00"]
    assert ("attacked P@3" in lines[1]) == attacked
    assert found._repr_html_().count("<tr>") == 3


@pytest.mark.parametrize("attacked", [False, True])
def test_files(tmp_path, attacked):
    found = certification(attacked)
    written = found.write(str(tmp_path / "new"))
    assert [path.rpartition("/")[2] for path in written] == [
        "certificates.json",
        "certificates.npz",
        "certificates.png",
    ]
    content = json.loads((tmp_path / "new" / "certificates.json").read_text())
    assert content == json.loads(json.dumps(found.to_json()))
    assert [size["epsilon"] for size in content["sizes"]] == [0, 0.1] and content["attacks"] == list(found.attacks)
    with np.load(written[1]) as arrays:
        assert arrays["certified_hits"].tolist() == [[[1, 3], [1, 2]], [[1, 1], [0, 0]]]
        assert arrays["score_intervals"].shape == (2, 2, 3, 2)
        assert ("attacked_hits" in arrays) == attacked


def test_the_figure_has_a_line_per_metric():
    (panel,) = certification(True).figure().axes
    names = [line.get_label() for line in panel.lines]
    assert names == ["certified P@1", "attacked P@1", "certified P@3", "attacked P@3"]
    assert [line.get_color() for line in panel.lines] == ["C0", "C0", "C1", "C1"]

"""The figure shows every curve, and the files hold what the trial found."""

from __future__ import annotations

import json

from mach_tf.explanations.trials.trial_figure import trial_figure, write_trial
from tests.mach_tf.explanations.trials.test_trial_results import trial


def test_one_line_for_each_order_in_each_panel():
    deletion, insertion = trial_figure(trial()).axes
    for panel, scores in ((deletion, [1.0, 0.0]), (insertion, [0.0, 1.0])):
        (line,) = panel.lines
        assert line.get_xdata().tolist() == [0.0, 1.0] and line.get_ydata().tolist() == scores
        assert line.get_label() == "gradient x input"
    assert "(mean)" in deletion.get_ylabel() and deletion.get_legend() is not None


def test_writes_both_files(tmp_path):
    output_dir = tmp_path / "new"
    path = write_trial(trial(), str(output_dir))
    assert path == str(output_dir / "faithfulness.png")
    assert (output_dir / "faithfulness.png").read_bytes()[:4] == b"\x89PNG"
    assert json.loads((output_dir / "faithfulness.json").read_text()) == trial().to_json()

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from mach_tf.training.progress import Progress, ProgressBar


def test_the_bar_starts_where_training_goes_on_and_shows_losses_and_validation(capsys, terminal):
    bar = ProgressBar("group 1/1", steps_per_epoch=4, epochs=3)
    bar.model = SimpleNamespace(optimizer=SimpleNamespace(iterations=tf.Variable(5)))
    bar.on_epoch_begin(1)
    bar.on_train_batch_end(0, {"clean_loss": np.float32([0.25, 0.75]), "adversarial_loss": np.float32([1.0, 2.0])})
    bar.on_epoch_end(1, {"P@1": 61.25, "clean_loss": np.float32([0.25, 0.75])})
    bar.close()
    shown = capsys.readouterr().err
    assert "6/12" in shown
    for text in ("group 1/1", "epoch=2/3", "clean=0.50000", "adversarial=1.50000", "P@1=61.25"):
        assert text in shown


def test_a_bar_that_is_not_shown_writes_nothing(capsys):
    bar = ProgressBar("group 1/1", steps_per_epoch=4, epochs=3, shown=False)
    bar.on_train_batch_end(0, {"clean_loss": np.float32([0.25])})
    bar.close()
    assert capsys.readouterr().err == ""


def test_by_default_nothing_is_reported(capsys):
    silent = Progress()
    silent.warn("Something is unusual.")
    silent.planned(None)
    assert not silent.bars and capsys.readouterr() == ("", "")

from __future__ import annotations

from mach_tf.serving import kept_examples


def test_examples_are_kept(tmp_path):
    examples = [{"title": "light \ud800", "content": "wave"}]
    kept_examples.write(str(tmp_path), examples)
    assert kept_examples.read(str(tmp_path)) == examples


def test_a_servable_keeps_none_by_itself(tmp_path):
    assert kept_examples.read(str(tmp_path)) == []

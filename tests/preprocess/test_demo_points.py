from __future__ import annotations

import json
import re

import pytest

from mach_tf.errors import InputError
from preprocess.demo_points import write_demo_data


def test_the_result_counts_what_was_written(tmp_path):
    source, out = tmp_path / "lib", tmp_path / "out"
    source.mkdir()
    for i in range(60):
        (source / f"f{i:02d}.py").write_text(f"import even_{i % 2}\nshared = own_{i}\n")
    (source / "again.py").write_bytes((source / "f00.py").read_bytes())
    (source / "broken.py").write_text("def (:\n")
    made = write_demo_data([str(source)], str(out), seed=0, workers=1)
    assert [split.split for split in made.splits] == ["train", "valid", "test"]
    assert sum(split.points for split in made.splits) == 60
    assert (made.features, made.labels, made.repeated, made.not_parsed, made.without_content) == (1, 2, 1, 1, 0)
    assert all(split[2:] == (1.0, 1.0) for split in made.splits)
    for split in made.splits:
        assert (out / f"{split.split}.txt").read_text().startswith(f"{split.points} 1 2\n")
    assert json.loads(json.dumps(made.to_json()))["splits"][0]["points"] == made.splits[0].points
    assert re.search(r"train +\d+ +1\.0 +1\.0\n", str(made)) and f"Wrote {out}." in str(made)
    assert "1 features and 2 labels from 60 files. Left out: 1 files that repeat another, 1 that do not parse" in str(
        made
    )


def test_errors_speak_of_arguments(tmp_path):
    (tmp_path / "empty").mkdir()
    for directory, message in (
        ("absent", "source_dirs must name existing directories"),
        ("empty", "by source_dirs, or a"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            write_demo_data([str(tmp_path / directory)], str(tmp_path / "out"), seed=0, workers=1)
        assert "--" not in str(caught.value)

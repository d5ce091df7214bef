from __future__ import annotations

import json
import re

import pytest

from mach_tf.errors import InputError
from preprocess.demo_records import write_demo_data


@pytest.fixture
def sources(tmp_path):
    directory = tmp_path / "lib"
    directory.mkdir()
    for i in range(60):
        (directory / f"f{i:02d}.py").write_text(f"import even_{i % 2}\nshared = own_{i}\n")
    return directory


def test_the_result_counts_what_was_written(sources, tmp_path):
    (sources / "again.py").write_bytes((sources / "f00.py").read_bytes())
    (sources / "broken.py").write_text("def (:\n")
    (sources / "alone.py").write_text("nothing = imported\n")
    out = tmp_path / "out"
    made = write_demo_data([str(sources)], str(out), seed=0, workers=1)
    assert [split.split for split in made.splits] == ["train", "valid", "test"]
    assert sum(split.points for split in made.splits) == 60
    assert (made.repeated, made.not_parsed, made.without_content) == (1, 1, 1)
    assert all(split[2:] == (2.0, 1.0) for split in made.splits)
    assert sorted(path.name for path in out.iterdir()) == ["test.jsonl", "train.jsonl", "valid.jsonl"]
    for split in made.splits:
        assert (out / f"{split.split}.jsonl").read_bytes().count(b"\n") == split.points
    assert json.loads(json.dumps(made.to_json()))["splits"][0]["points"] == made.splits[0].points
    assert re.search(r"train +\d+ +2\.0 +1\.0\n", str(made))
    assert "60 files. Left out: 1 that repeat another, 1 that do not parse, 1 without identifiers or imp" in str(made)
    assert f"Wrote train.jsonl, valid.jsonl, test.jsonl in {out}." in str(made)


def test_letters_stay_readable(sources, tmp_path):
    (sources / "f99.py").write_text("import étage\nÜber = 数 + 1\n", encoding="utf-8")
    write_demo_data([str(sources)], str(tmp_path), seed=0, workers=1)
    lines = "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.jsonl"))
    assert '{"file": "lib/f99.py", "text": "Über 数", "imports": ["étage"]}\n' in lines


def test_errors_speak_of_arguments(tmp_path):
    (tmp_path / "empty").mkdir()
    for directory, message in (
        ("absent", "source_dirs must name existing directories"),
        ("empty", "by source_dirs, or a"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            write_demo_data([str(tmp_path / directory)], str(tmp_path / "out"), seed=0, workers=1)
        assert "--" not in str(caught.value)
        assert not (tmp_path / "out").exists()


def test_with_packages_each_file_has_the_one_it_comes_from(tmp_path):
    for package, count in (("common", 60), ("common/inner", 60), ("rare", 3)):
        (tmp_path / "lib" / package).mkdir(parents=True)
        for i in range(count):
            (tmp_path / "lib" / package / f"f{i}.py").write_text(
                f"import os\nown_{i} = os.{package.replace('/', '_')}\n"
            )
    (tmp_path / "lib" / "alone.py").write_text("import os\nown = os\n")
    out = tmp_path / "out"
    made = write_demo_data([str(tmp_path / "lib")], str(out), seed=0, workers=1, label="package")
    lines = [json.loads(line) for path in out.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert {record["package"] for record in lines} == {"common", "common.inner"} and len(lines) == 120
    assert all(list(record) == ["file", "text", "package"] for record in lines)
    assert made.without_content == 4 and "4 without identifiers or a package of enough files" in str(made)
    assert all(split.labels_per_point == 1 for split in made.splits)
    write_demo_data([str(tmp_path / "lib")], str(out), seed=0, workers=1, label="package")
    with pytest.raises(InputError, match="which this program did not write"):
        write_demo_data([str(tmp_path / "lib")], str(out), seed=0, workers=1)
    with pytest.raises(InputError, match="label must be one of imports, package"):
        write_demo_data([str(tmp_path / "lib")], str(out), seed=0, workers=1, label="labels")

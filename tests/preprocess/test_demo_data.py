from __future__ import annotations

import json

import pytest

from mach_tf.errors import InputError
from tests.helpers import programs

SPLITS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """60 files; file i defines function_i, uses shared names and imports by i's residues."""
    directory = tmp_path_factory.mktemp("lib")
    for i in range(60):
        lines = [f"import even_{i % 2} as alias", f"from package.third import name_{i % 3}", f"import only_{i}"]
        lines += [f"def function_{i}(argument):", f"    return alias.used_{i % 2}(argument, argument)"]
        place = directory / f"part{i % 4}"
        place.mkdir(exist_ok=True)
        (place / f"f{i:02d}.py").write_text("\n".join(lines) + "\n")
    (directory / "part0" / "g00.py").write_bytes((directory / "part0" / "f00.py").read_bytes())
    (directory / "broken.py").write_text("def (:\n")
    (directory / "bare.py").write_text("import even_0\n")
    (directory / "lonely.py").write_text("x = 1\n")
    (directory / "site-packages").mkdir()
    (directory / "site-packages" / "skipped.py").write_text("import even_1\nskipped = 1\n")
    return directory


def _run(output, *directories, workers=1, seed=0):
    sources = ",".join(map(str, directories))
    programs.run(
        "preprocess.demo_data",
        f"--source_dirs={sources}",
        f"--output_dir={output}",
        f"--workers={workers}",
        f"--seed={seed}",
    )
    return {split: [json.loads(line) for line in open(output / f"{split}.jsonl", "rb")] for split in SPLITS}


def test_points_are_the_files_by_name(sources, tmp_path, capsys):
    data = _run(tmp_path, sources)
    records = [record for split in SPLITS for record in data[split]]
    for record in records:
        assert list(record) == ["file", "text", "imports"] and record["file"].startswith(sources.name + "/part")
        i = int(record["file"][-5:-3])
        assert record["text"] == f"function_{i} argument alias used_{i % 2}"
        assert record["imports"] == [f"even_{i % 2}", f"only_{i}", "package.third", f"package.third.name_{i % 3}"]
    assert sorted(r["file"] for r in records) == sorted(f"{sources.name}/part{i % 4}/f{i:02d}.py" for i in range(60))
    printed = capsys.readouterr().out
    assert "1 that repeat another, 1 that do not parse, 2 without identifiers or imports" in printed


def test_output_depends_on_neither_workers_nor_time_but_on_the_seed(sources, tmp_path):
    for name, workers, seed in (("a", 1, 0), ("b", 2, 0), ("c", 1, 1)):
        _run(tmp_path / name, sources, workers=workers, seed=seed)
    contents = [{p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in "abc"]
    assert contents[0] == contents[1]
    assert contents[0]["train.jsonl"] != contents[2]["train.jsonl"]


def test_a_file_keeps_its_split_when_others_come(sources, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    (more / "new.py").write_text("import even_0\nalias = used_0\n")
    one, both = _run(tmp_path / "a", sources), _run(tmp_path / "b", sources, more)
    for split in SPLITS:
        before, after = ({record["file"] for record in data[split]} for data in (one, both))
        assert before == after - {"more/new.py"}


@pytest.mark.parametrize(
    ("directory", "message"),
    [("absent", "--source_dirs must name existing directories"), ("empty", "Each split must have a point")],
)
def test_refusals(tmp_path, directory, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        _run(tmp_path / "out", tmp_path / directory)
    assert not (tmp_path / "out").exists()

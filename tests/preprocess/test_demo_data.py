from __future__ import annotations

import collections
import re

import numpy as np
import pytest

from mach_tf.data import libsvm
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
    (directory / "lonely.py").write_text("import nobody_else\nx = 1\n")
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
    return {split: libsvm.read_points(str(output / f"{split}.txt")) for split in SPLITS}


def _lines(path):
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def test_points_are_the_files_by_name(sources, tmp_path, capsys):
    data = _run(tmp_path, sources)
    label_names, feature_names = _lines(tmp_path / "label_names.txt"), _lines(tmp_path / "feature_names.txt")
    assert label_names == sorted(
        ["even_0", "even_1", "package.third", "package.third.name_0", "package.third.name_1", "package.third.name_2"]
    )
    assert feature_names == ["alias", "argument", "used_0", "used_1"]
    seen = []
    for split in SPLITS:
        header, points = data[split]
        assert header[1:] == (4, 6) and header.points == len(points)
        files = _lines(tmp_path / f"{split}_files.txt")
        seen += files
        for row, file in enumerate(files):
            assert file.startswith(sources.name + "/part")
            i = int(file[-5:-3])
            labels = points.label_ids[points.label_splits[row] : points.label_splits[row + 1]]
            assert {label_names[j] for j in labels} == {f"even_{i % 2}", "package.third", f"package.third.name_{i % 3}"}
            part = slice(points.row_splits[row], points.row_splits[row + 1])
            values = {feature_names[j]: v for j, v in zip(points.feature_ids[part], points.feature_values[part])}
            assert set(values) == {"alias", "argument", f"used_{i % 2}"}
            assert np.sqrt(sum(v * v for v in values.values())) == pytest.approx(1, abs=1e-5)
            # `argument` occurs three times in every file and `alias` once: log tf is all that tells them apart.
            assert values["argument"] / values["alias"] == pytest.approx(1 + np.log(3), rel=1e-5)
            assert values[f"used_{i % 2}"] > values["alias"]
    assert sorted(seen) == sorted(f"{sources.name}/part{i % 4}/f{i:02d}.py" for i in range(60))
    printed = capsys.readouterr().out
    assert "1 files that repeat another, 1 that do not parse, 2 without identifiers or labels" in printed


def test_features_and_weights_come_from_training_files_alone(sources, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    for i in range(24):  # a word in each two files: some of the pairs fall in different splits
        (more / f"m{i}.py").write_text(f"import even_0\nalias = rare_{i // 2}, rare_{i % 3 + 100}, only_in_{i}\n")
    _run(tmp_path / "out", sources, more)
    files = {split: _lines(tmp_path / "out" / f"{split}_files.txt") for split in SPLITS}
    names, labels = _lines(tmp_path / "out" / "feature_names.txt"), _lines(tmp_path / "out" / "label_names.txt")

    words = {
        f"{root.name}/{path.relative_to(root)}": re.findall(r"\w+", path.read_text().split("import only")[-1])
        for root in (sources, more)
        for path in root.rglob("*.py")
    }
    frequency = collections.Counter(word for file in files["train"] for word in set(words[file]))
    assert "even_0" in labels
    assert {n for n in names if n.startswith("rare_")} == {
        w for w, count in frequency.items() if w.startswith("rare_") and count >= 2
    }
    assert len([name for name in names if name.startswith("rare_")]) < 15  # not those pairs

    # Weights of two words of the same point that occur once: their inverse document frequencies.
    total = len(files["train"])
    for split in SPLITS:
        _, points = libsvm.read_points(str(tmp_path / "out" / f"{split}.txt"))
        for row, file in enumerate(files[split]):
            part = slice(points.row_splits[row], points.row_splits[row + 1])
            weights = {names[j]: v for j, v in zip(points.feature_ids[part], points.feature_values[part])}
            once = [word for word in weights if words[file].count(word) == 1]
            for first, second in zip(once, once[1:]):
                idf = [1 + np.log((1 + total) / (1 + frequency[word])) for word in (first, second)]
                assert weights[first] / weights[second] == pytest.approx(idf[0] / idf[1], rel=1e-4)


def test_output_depends_on_neither_workers_nor_time_but_on_the_seed(sources, tmp_path):
    for name, workers, seed in (("a", 1, 0), ("b", 2, 0), ("c", 1, 1)):
        _run(tmp_path / name, sources, workers=workers, seed=seed)
    contents = [{p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in "abc"]
    assert contents[0] == contents[1]
    assert contents[0]["train_files.txt"] != contents[2]["train_files.txt"]


def test_a_file_keeps_its_split_when_others_come(sources, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    (more / "new.py").write_text("import even_0\nalias = used_0\n")
    _run(tmp_path / "a", sources)
    _run(tmp_path / "b", sources, more)
    for split in SPLITS:
        before, after = (set(_lines(tmp_path / name / f"{split}_files.txt")) for name in "ab")
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

"""Points without labels or features are told wherever points are used, and refused if all of them lack the same."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf import preprocessing
from mach_tf.data import verification
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.errors import InputError
from mach_tf.evaluation.robustness_comparison import compare_robustness
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest
from mach_tf.points import from_csr
from mach_tf.prediction import predict_file
from mach_tf.splits import Split
from mach_tf.training.training_data import open_dataset, unusual
from tests.helpers import model_directory, programs
from tests.helpers import world as worlds

COUNTS = Incomplete(5000, 1, 1200)


def matrices(points=10, without_labels=(), without_features=()):
    X, Y = np.ones((points, 60), np.float32), np.ones((points, 30), np.float32)
    X[list(without_features)] = 0
    Y[list(without_labels)] = 0
    return scipy.sparse.csr_matrix(X), scipy.sparse.csr_matrix(Y)


ALL = range(10)


def test_points_are_counted():
    points = from_csr(*matrices(10, [3], [3, 4]))
    assert Incomplete.of(points) == (10, 1, 2) and Incomplete.of(points, labels=False) == (10, 0, 2)
    assert Incomplete.of(points[:0]) == (0, 0, 0)
    assert COUNTS.plus(COUNTS) == (10_000, 2, 2400)
    assert Incomplete.of_split(Split(5000, 9, 9, 9, [], [], 1, 1200)) == COUNTS
    # As datasets of versions that did not count them have it.
    assert Incomplete.of_split(Split(7, 0, 0, 0, [], [])) == (7, 7, 7)


def test_sentences():
    assert list(COUNTS.sentences("of the test split")) == [
        "1 of 5,000 points of the test split has no label; no prediction for them can be right.",
        "1,200 of 5,000 points of the test split have no feature; the model cannot tell them apart.",
    ]
    assert not list(Incomplete(5, 0, 0).sentences("of X"))
    with pytest.warns(UserWarning, match="has no label"):
        COUNTS.check_and_warn("of X")


def test_all_of_them_are_refused():
    with pytest.raises(
        InputError, match=r"The points of X must have labels \(none of 5,000 has one\)\. Check that the"
    ):
        Incomplete(5000, 5000, 0).check("of X")
    with pytest.raises(InputError, match=r"The points of X must have features \(none of 5,000 has one\)\."):
        Incomplete(5000, 0, 5000).check("of X")
    Incomplete(0, 0, 0).check("of X")


@pytest.mark.parametrize("split", ["train", "valid", "test"])
@pytest.mark.parametrize("what", ["labels", "features"])
def test_no_dataset_is_written_of_them(tmp_path, split, what):
    splits = {"valid": matrices(), "test": matrices(), "train": matrices()}
    splits[split] = matrices(10, **{f"without_{what}": ALL})
    train = splits.pop("train")
    with pytest.raises(InputError, match=rf"The points of the {split} split must have {what} \(none of 10 has one\)"):
        mach_tf.write_dataset(*train, str(tmp_path / "d"), **splits)
    assert not list(tmp_path.iterdir())


def test_a_dataset_says_how_many_there_are(tmp_path):
    path = str(tmp_path / "d")
    with pytest.warns(UserWarning) as caught:
        manifest = mach_tf.write_dataset(*matrices(10, [1, 2], [3]), path)
    assert [str(one.message).partition(";")[0] for one in caught] == [
        "2 of 10 points of the train split have no label",
        "1 of 10 points of the train split has no feature",
    ]
    assert (manifest.splits["train"].without_labels, manifest.splits["train"].without_features) == (2, 1)
    assert len(unusual(path, manifest, buckets=30, batch_size=5)) == 2 and not list(verification.problems(path))
    _edit(path, without_labels=3)
    assert "The train split must have 3 without_labels" in "".join(verification.problems(path))


def test_the_table_of_a_conversion_says_it(tmp_path):
    worlds.write_text(str(tmp_path / "train.txt"), *matrices(10, [1], [3, 4]))
    done = preprocessing.preprocess(str(tmp_path / "d"), train=str(tmp_path / "train.txt"))
    assert "1 of 10 points of the train split has no label" in str(done)
    assert "2 of 10 points of the train split have no feature" in str(done)
    assert done.to_json()["splits"]["train"]["without_features"] == 2


def _edit(path, split="train", **changes):
    """Changes a split's numbers in dataset.json."""
    manifest = DatasetManifest.parse(path)
    changed = dataclasses.replace(manifest.splits[split], **changes)
    dataclasses.replace(manifest, splits={**manifest.splits, split: changed}).write(path)


def test_a_dataset_of_an_earlier_version_without_labels_is_not_trained(tmp_path):
    path = str(tmp_path / "d")
    mach_tf.write_dataset(*matrices(), path)
    _edit(path, labels=0)
    with pytest.raises(InputError, match="The points of the train split must have labels"):
        open_dataset(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model directory, and the directory of a dataset whose last test points lack labels or features."""
    directory = tmp_path_factory.mktemp("model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = mach_tf.write_dataset(
            *matrices(), str(directory / "data"), test=matrices(10, range(2, 10), range(5, 10)), spec=FeatureSpec(40)
        )
    (directory / "model").mkdir()
    model_directory.write(str(directory / "model"), dataset=dataset)
    return str(directory / "model"), str(directory / "data")


MEASURES = (mach_tf.evaluate, lambda model, data, **options: compare_robustness([model], data, **options))


@pytest.mark.parametrize("measure", MEASURES)
def test_measuring_says_it(model, measure):
    options = {"bootstrap": 0, "ks": [1], "epsilons": [0.01]}
    with pytest.warns(UserWarning, match="8 of 10 points of the test split have no label"):
        measure(*model, **options)


def test_measuring_points_without_labels_is_refused(model, tmp_path):
    path = str(tmp_path / "d")
    mach_tf.write_dataset(*matrices(), path, test=matrices(), spec=FeatureSpec(40))
    # As versions wrote it that did not refuse it.
    _edit(path, "test", labels=0)
    for measure in MEASURES:
        with pytest.raises(InputError, match=r"The points of the test split must have labels \(none of 10 has one\)"):
            measure(model[0], path)


def test_the_api_says_it(model):
    ensemble = mach_tf.Ensemble.load(model[0])
    X, Y = matrices(10, [0], [3, 4])
    for call in (ensemble.predict, ensemble.top_k, ensemble.explain, lambda X: ensemble.attack(X, Y)):
        with pytest.warns(UserWarning, match="2 of 10 points of X have no feature"):
            call(X)
    with pytest.warns(UserWarning, match="1 of 1 points of X has no feature"):
        assert ensemble.predict(X[3:4], k=2).nnz == 2
    with pytest.raises(InputError, match="The points of X must have labels"):
        ensemble.attack(X, matrices(10, ALL)[1])


def test_predictions_of_a_file_say_it(model, tmp_path):
    network, source, output = mach_tf.Ensemble.load(model[0]), str(tmp_path / "in.txt"), tmp_path / "out.txt"
    worlds.write_text(source, *matrices(10, ALL, [3, 4]))
    with pytest.warns(UserWarning, match=r"2 of 10 points of .*in\.txt have no feature"):
        predict_file(network, source, str(output))
    output.unlink()
    worlds.write_text(source, *matrices(10, ALL, ALL))
    with pytest.raises(InputError, match=r"The points of .*in\.txt must have features"):
        predict_file(network, source, str(output))
    assert not output.exists()


def test_explaining_true_labels_of_points_without_labels_is_refused(model, tmp_path):
    source, output = str(tmp_path / "in.txt"), tmp_path / "out"
    worlds.write_text(source, *matrices(3, [0, 1]))
    flags = [f"--dataset_dir={model[1]}", f"--model_dir={model[0]}", f"--input={source}", f"--output_dir={output}"]
    with pytest.raises(
        InputError, match=r"--labels=true explains .*, but none of the 2 chosen point\(s\) has one\. Choose"
    ):
        programs.run("explain.main", *flags, "--labels=true", "--points=0,1")
    assert not output.exists()
    with pytest.warns(UserWarning, match="2 of 3 points that were chosen have no label"):
        programs.run("explain.main", *flags, "--labels=true", "--points=all")
    worlds.write_text(source, *matrices(3, (), [0, 1, 2]))
    with pytest.raises(InputError, match=r"The points of .*in\.txt must have features"):
        programs.run("explain.main", *flags, "--points=0")


def test_points_that_chance_holds_back_are_not_refused(tmp_path):
    from mach_tf.data.dataset import held_back

    back = np.flatnonzero(held_back(np.arange(10), 0.3, 0))
    with pytest.warns(UserWarning, match=rf"{len(back)} of {len(back)} points of the valid split have no label"):
        mach_tf.write_dataset(*matrices(10, back), str(tmp_path / "d"), valid_fraction=0.3)


@pytest.mark.parametrize(
    ("counts", "where", "message"),
    [
        (Incomplete(1, 0, 1), "", "The text has no term that the model was trained with; "),
        (Incomplete(1, 0, 1), "of a.csv", "The text of a.csv has no term"),
        (Incomplete(5, 0, 1), "", "1 of 5 texts has no term"),
        (Incomplete(5, 3, 2), "of a.csv", "2 of 5 texts of a.csv have no term"),
    ],
)
def test_texts_without_features_are_told_with_what_to_do(counts, where, message):
    with pytest.warns(UserWarning) as caught:
        counts.warn_of_texts(where)
    (warning,) = caught
    assert str(warning.message).startswith(message) and "Check the language and the spelling" in str(warning.message)


def test_texts_with_features_are_not_warned_of(recwarn):
    Incomplete(5, 3, 0).warn_of_texts()
    assert not recwarn

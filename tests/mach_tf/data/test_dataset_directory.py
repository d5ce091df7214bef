from __future__ import annotations

import os

import pytest

from mach_tf import manifest
from mach_tf.data import records
from mach_tf.data.dataset_directory import check_output
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from tests.helpers import sample
from tests.mach_tf.data.test_dataset import _write


def test_where_it_may_write(tmp_path):
    points = sample.random_points(9)
    path = tmp_path / "d"
    _write(str(path), points)
    with pytest.raises(InputError, match="must not hold a dataset"):
        _write(str(path), points)
    _write(str(path), points, overwrite=True, points_per_shard=2)
    assert len(os.listdir(path)) == 5 + 2
    (path / "my thesis").touch()
    with pytest.raises(InputError, match="'my thesis'"):
        _write(str(path), points, overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "label_names.txt").touch()
    with pytest.raises(InputError, match=r"holds 'label_names\.txt'"):
        _write(str(tmp_path / "other"), points, overwrite=True)
    with pytest.raises(InputError, match="is a file"):
        _write(str(path / "my thesis"), points, overwrite=True)
    assert len(records.read_points(str(path), DatasetManifest.read(str(path)), "train")) == 9


@pytest.mark.parametrize("name", [name for key, name in sorted(vars(manifest).items()) if key.endswith("_FILE")])
def test_every_file_of_a_dataset_may_be_replaced_with_it(tmp_path, name):
    sample.write(str(tmp_path / "d"), train=sample.random_points(9))
    (tmp_path / "d" / name).touch()
    if name in (manifest.MODEL_FILE, manifest.RANKER_FILE):
        with pytest.raises(InputError, match=f"holds {name!r}"):
            check_output(str(tmp_path / "d"), overwrite=True)
    else:
        check_output(str(tmp_path / "d"), overwrite=True)

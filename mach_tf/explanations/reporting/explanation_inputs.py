"""The inputs of every run of explanations: a model, the dataset it belongs to, and the files with raw points."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Optional, Union

from mach_tf import zip_members
from mach_tf.choices import AUTO, BAG_OF_WORDS
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.data.libsvm import TextInput
from mach_tf.data.model_dataset import check_dataset
from mach_tf.errors import InputError
from mach_tf.explanations.reporting import point_files, source_text
from mach_tf.explanations.reporting.point_files import BagFile, GivenTexts, InputPoints, PointFile, RecordFile
from mach_tf.label_index import LabelIndex
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.text.readers.recognition import recognise
from mach_tf.text.readers.settings import InputSettings
from mach_tf.text.text_rows import text_rows

ANY_SETTINGS = InputSettings(labels_optional=True)


@dataclasses.dataclass(frozen=True)
class ExplanationInputs:
    """An opened model and the files whose points it explains.

    Attributes:
      network: the model.
      data: the dataset; None for texts explained by a model alone.
      files: where the raw points are.
      feature_names, label_names: by raw id; None if there are no names.
    """

    network: Network
    data: Optional[DatasetReader]
    files: list[PointFile]
    feature_names: Optional[Sequence[str]]
    label_names: Optional[Sequence[str]]

    @property
    def dataset_dir(self) -> Optional[str]:
        """The dataset's directory; None without a dataset."""
        return None if self.data is None else self.data.directory

    @functools.cached_property
    def label_index(self) -> LabelIndex:
        """The labels by what users call them."""
        return LabelIndex(self.network.labels, self.label_names, self.network.label_keys)

    def read(self) -> InputPoints:
        """Returns all raw points, and their texts if they are made from texts."""
        return point_files.read_files(self.files)

    def read_points(self) -> Points:
        """Returns all raw points."""
        return self.read().points

    def paths(self) -> list[str]:
        """Returns the paths of the files."""
        return [path for file in self.files for path in file.paths]


def open_inputs(
    dataset_dir: Optional[str],
    model_dir: str,
    input: Optional[str] = None,
    input_labels: Optional[str] = None,
    split: str = "test",
    force: bool = False,
    settings: InputSettings = ANY_SETTINGS,
    texts: Optional[Any] = None,
) -> ExplanationInputs:
    """Opens a model and finds the points that it is to explain.

    Args:
      dataset_dir: the dataset that the model was trained on; None for a model of texts, which has all that it needs of it.
      model_dir: the model directory.
      input: path of a file with the points; None for the file that the split was made from.
      input_labels: path of the labels' file if they are not in `input`; None for points without labels, or with labels in `input`.
      split: the split whose file is read if `input` is None.
      force: explain with label names that are not those of the training data, with a warning.
      settings: of texts, the format of the file and where texts and labels stand; the text fields are by default the model's.
      texts: points given as texts, as of `Ensemble.predict_text`, in place of a file.

    Raises:
      InputError: no dataset or no model there, a model of other features or label names, or text that cannot be used.
    """
    data = None if dataset_dir is None else DatasetReader.open(dataset_dir)
    found: list[TextInput] = []
    if texts is None:
        # Text that is missing or altered is told before a large model is read.
        found = _find(None if data is None else data.manifest, input, input_labels, split, settings)
    network = Network.load(model_dir)
    if data is not None:
        check_dataset(network.manifest, data.manifest, network.model_dir, data.directory, force)
        names = data.manifest.read_feature_names(data.directory), data.manifest.read_label_names(data.directory)
    elif network.manifest.text is None:
        raise InputError(
            f"dataset_dir must be given, because {model_dir} was trained on bags of words; only a model of texts has the names of its "
            "features. Give the dataset that it was trained on."
        )
    else:
        names = network.texts.vectorizer.vocabulary.terms, network.label_names
    if texts is not None:
        files: list[PointFile] = [GivenTexts(text_rows(texts, network.texts.fields), network.texts)]
    else:
        files = _files(network, network.manifest if data is None else data.manifest, found, settings)
    return ExplanationInputs(network, data, files, *names)


def _find(
    dataset: Optional[DatasetManifest],
    input: Optional[str],
    input_labels: Optional[str],
    split: str,
    settings: InputSettings,
) -> list[TextInput]:
    if dataset is None:
        if input is None:
            raise InputError("dataset_dir, input or text must be given: they say which points are explained.")
        return [TextInput(input, input_labels)]
    if dataset.text is None or input is not None or input_labels is not None:
        return source_text.find_text(dataset, input, input_labels, split)
    return source_text.find_records(dataset, split, settings)


def _files(
    network: Network,
    manifest: Union[DatasetManifest, ModelManifest],
    found: list[TextInput],
    settings: InputSettings,
) -> list[PointFile]:
    if network.manifest.text is None:
        if settings != ANY_SETTINGS and settings.format != BAG_OF_WORDS:
            raise InputError(
                f"input_format, text_fields, label_field and label_separator say how texts are read, but {network.model_dir} was trained "
                "on bags of words. Leave them out, or give a model of texts."
            )
        return [BagFile(file, manifest) for file in found]
    given = dataclasses.replace(settings, labels_optional=True)
    layout = None if manifest.text is None else manifest.text.layout
    keys = network.label_keys or network.label_names or []
    label_ids = {key: label for label, key in enumerate(keys)}
    opened: list[PointFile] = []
    for file in found:
        settings = network.texts.settings_for(file, given, layout)
        is_bag = _is_bag(file, settings)
        opened.append(BagFile(file, manifest) if is_bag else RecordFile(file, settings, network.texts, label_ids))
    return opened


def _is_bag(file: TextInput, settings: InputSettings) -> bool:
    """Returns whether a file is a bag of words; what a pipe holds is known only when it is read, as texts."""
    if settings.format == AUTO and not zip_members.is_file(file.path):
        return False
    return recognise(file.path, file.labels_path, settings).format == BAG_OF_WORDS

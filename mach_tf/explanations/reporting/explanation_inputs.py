"""The inputs of every run of explanations: a model, the dataset it belongs to, and the text with raw points."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Optional

from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.data.libsvm import TextInput
from mach_tf.data.model_dataset import check_dataset
from mach_tf.explanations.reporting import source_text
from mach_tf.manifest import DatasetManifest
from mach_tf.network import Network
from mach_tf.points import Points


@dataclasses.dataclass(frozen=True)
class ExplanationInputs:
    """An opened model and the text whose points it explains.

    Attributes:
      network: the model.
      data: the dataset.
      texts: where the raw points are.
      feature_names: by raw id; None if the dataset has no names.
      label_names: the dataset's, or else the model's; None if neither has any.
    """

    network: Network
    data: DatasetReader
    texts: list[TextInput]
    feature_names: Optional[Sequence[str]]
    label_names: Optional[Sequence[str]]

    @property
    def dataset_dir(self) -> str:
        """The dataset's directory."""
        return self.data.directory

    @property
    def dataset(self) -> DatasetManifest:
        """The dataset's manifest."""
        return self.data.manifest

    def read_points(self) -> Points:
        """Returns all raw points of the text."""
        return source_text.read_points(self.dataset, self.texts)

    def paths(self) -> list[str]:
        """Returns the paths of the text's files."""
        return [path for text in self.texts for path in text.paths]


def open_inputs(
    dataset_dir: str,
    model_dir: str,
    input: Optional[str] = None,
    input_labels: Optional[str] = None,
    split: str = "test",
    force: bool = False,
) -> ExplanationInputs:
    """Opens a model and finds the text whose points it is to explain.

    Args:
      dataset_dir: the dataset that the model was trained on.
      model_dir: the model directory.
      input: path of XML-repository text with the points; None for the text that the split was made from.
      input_labels: path of the labels' file if `input` is in split form; None for points without labels.
      split: the split whose text is read if `input` is None.
      force: explain with label names that are not those of the training data, with a warning.

    Raises:
      InputError: no dataset or no model there, a model of other features or label names, or text that cannot be used.
    """
    data = DatasetReader.open(dataset_dir)
    dataset = data.manifest
    texts = source_text.find_text(dataset, input, input_labels, split)
    network = Network.load(model_dir)
    check_dataset(network.manifest, dataset, network.model_dir, dataset_dir, force)
    label_names = dataset.read_label_names(dataset_dir) or network.label_names
    return ExplanationInputs(network, data, texts, dataset.read_feature_names(dataset_dir), label_names)

"""servable.json: what a servable is, and its files with sizes and hashes. It is written last."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.sealed_json import seal, unseal, without_checksum
from mach_tf.stored_files import StoredFile
from mach_tf.typed_json import read_dataclass

FILE = "servable.json"
_SCHEMA_VERSION = 1
_REMEDY = "The servable is damaged: copy it again, or export the model again."


@dataclasses.dataclass(frozen=True)
class ServableContents:
    """The content of servable.json.

    Attributes:
      name: the servable's name.
      features, labels: number of raw features and of labels, K.
      estimator: which estimator makes the scores.
      weights: the precision of the weights.
      prune: the fraction of the hashed features whose rows of W1 were left out.
      signatures: the names of the SavedModel's signatures.
      label_names: whether labels have names; otherwise their ids stand for them.
      text_fields: the names of the text fields, in their order; empty if the model takes no texts.
      ranker_weights: the number of weights of the ranker; 0 if label scores are those of the ensemble alone.
      prune_entries: the fraction of the entries of the kept rows of W1 that were left out.
      dataset_fingerprint: fingerprint of the training data.
      versions: versions of the libraries, by package name.
      files: every other file, by its path with "/".
      schema_version: version of this format.
    """

    name: str
    features: int
    labels: int
    estimator: str
    weights: str
    prune: float
    signatures: list[str]
    label_names: bool
    dataset_fingerprint: str
    versions: dict[str, str]
    text_fields: list[str] = dataclasses.field(default_factory=list)
    ranker_weights: int = 0
    prune_entries: float = 0.0
    files: dict[str, StoredFile] = dataclasses.field(default_factory=dict)
    schema_version: int = _SCHEMA_VERSION

    def write(self, directory: str) -> None:
        """Describes the files in the directory and writes servable.json, which completes a servable."""
        complete = dataclasses.replace(self, files=StoredFile.all_in(directory, FILE))
        files.write_json(os.path.join(directory, FILE), seal(dataclasses.asdict(complete)))

    @classmethod
    def read(cls, directory: str) -> ServableContents:
        """Reads servable.json; `problems` compares the files with it.

        Raises:
          InputError: there is no servable, or servable.json is damaged or of another version.
        """
        path = os.path.join(directory, FILE)
        found = files.read_json(path, "servable; make one with mach-export")
        contents = read_dataclass(cls, without_checksum(found), path, _SCHEMA_VERSION)
        unseal(found, path, _REMEDY)
        return contents

    def problems(self, directory: str) -> Iterator[str]:
        """Yields a sentence for each file that is missing or differs from what was written; reads all files."""
        whole = {}
        # Sizes first: while a servable is copied, that is all it takes to see that it is not whole yet.
        for name, written in self.files.items():
            path = os.path.join(directory, *name.split("/"))
            if not os.path.isfile(path):
                yield f"{path} is missing, though {FILE} names it. {_REMEDY}"
            elif os.path.getsize(path) != written.bytes:
                yield f"{path} must have {written.bytes} bytes (got {os.path.getsize(path)}). {_REMEDY}"
            else:
                whole[path] = written.sha256
        for path, sha256 in whole.items():
            if files.sha256(path) != sha256:
                yield f"{path} is not the file that {FILE} describes. {_REMEDY}"

    def check(self, directory: str) -> None:
        """Raises InputError for the first problem."""
        for problem in self.problems(directory):
            raise InputError(problem)

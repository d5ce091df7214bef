"""repetition.json: the files of a repetition with their sizes and hashes. It is written last, so a part of a copy is not taken for the whole."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator
from typing import Optional

from mach_tf import arguments, files
from mach_tf.choices import VERIFICATIONS
from mach_tf.errors import InputError
from mach_tf.manifest import MODEL_FILE, ModelManifest, repetition_directory
from mach_tf.stored_files import StoredFile
from mach_tf.typed_json import read_dataclass

REPETITION_FILE = "repetition.json"
VARIABLES_PREFIX = "variables/variables"
DATA_FILE = f"{VARIABLES_PREFIX}.data-00000-of-00001"
# Without these, TensorFlow can neither restore the weights nor serve them.
_REQUIRED = ("saved_model.pb", f"{VARIABLES_PREFIX}.index", DATA_FILE)
_PLAIN_PATH = re.compile(r"(?!\.)[\w.-]+(/(?!\.)[\w.-]+)*", re.ASCII)
_SCHEMA_VERSION = 1
# Repetitions that a message names.
_NAMED = 20


@dataclasses.dataclass(frozen=True)
class RepetitionFiles:
    """The content of repetition.json.

    Attributes:
      origin: `ModelManifest.origin` of the training and the repetition.
      files: every other file in the directory, by its path with "/".
      schema_version: version of this format.
    """

    origin: str
    files: dict[str, StoredFile]
    schema_version: int = _SCHEMA_VERSION

    def __post_init__(self) -> None:
        absent = [name for name in _REQUIRED if name not in self.files]
        strange = [name for name in self.files if not _PLAIN_PATH.fullmatch(name)]
        if absent or strange:
            raise InputError(f"files must name {_REQUIRED} and plain paths (got {(strange or absent)[0]!r:.80})")

    @classmethod
    def of(cls, directory: str, origin: str) -> RepetitionFiles:
        """Returns the description of a repetition's directory as it is."""
        return cls(origin, StoredFile.all_in(directory, REPETITION_FILE))

    def write(self, directory: str) -> None:
        """Writes repetition.json, which completes a repetition."""
        files.write_json(os.path.join(directory, REPETITION_FILE), dataclasses.asdict(self))

    @classmethod
    def read(cls, directory: str) -> Optional[RepetitionFiles]:
        """Reads repetition.json.

        Returns:
          Its content; None for a repetition of an earlier version, which has no such file.

        Raises:
          InputError: it is damaged.
        """
        path = os.path.join(directory, REPETITION_FILE)
        if not os.path.lexists(path):
            return None
        value = files.read_json(path, "repetition")
        return read_dataclass(cls, value, path, _SCHEMA_VERSION)

    def problems(self, directory: str, verify: str) -> Iterator[str]:
        """Yields what is wrong with each file that is missing or altered, a part of a sentence.

        Args:
          directory: the repetition.
          verify: "sizes" looks at their sizes alone; "full" hashes their content too.
        """
        for name, stored in self.files.items():
            path = os.path.join(directory, *name.split("/"))
            if not os.path.isfile(path):
                yield f"{path} is missing"
            elif os.path.getsize(path) != stored.bytes:
                yield f"{path} must have {stored.bytes} bytes (got {os.path.getsize(path)})"
            elif verify == "full" and files.sha256(path) != stored.sha256:
                yield f"{path} must have the SHA-256 {stored.sha256} (it is not the file that was written)"


def problems(model_dir: str, model: ModelManifest, repetition: int, verify: str = "sizes") -> Iterator[str]:
    """Yields a sentence for each thing that is wrong with the files of a repetition; nothing if they are whole.

    Args:
      model_dir: the model directory.
      model: its manifest.
      repetition: the number of a repetition, whose directory exists.
      verify: "sizes" or "full".
    """
    directory = repetition_directory(model_dir, repetition)
    try:
        stored = RepetitionFiles.read(directory)
    except InputError as error:
        yield f"{error} {remedy(directory)}"
        return
    if stored is None:
        absent = next((path for path in _paths(directory) if not os.path.isfile(path)), "")
        if absent:
            yield f"{absent} is missing. {remedy(directory)}"
            return
        found = []
    elif stored.origin != model.origin(repetition):
        yield foreign(directory)
        return
    else:
        found = list(stored.problems(directory, verify))
    data = os.path.join(directory, *DATA_FILE.split("/"))
    if not found and os.path.getsize(data) < model.shape.weight_bytes:
        # Not to be taken from model.json alone, which decides how much memory is taken.
        found = [f"{data} must have more than {model.shape.weight_bytes} bytes (got {os.path.getsize(data)})"]
    for problem in found:
        yield f"{problem}. {remedy(directory)}"


def _paths(directory: str) -> list[str]:
    return [os.path.join(directory, *name.split("/")) for name in _REQUIRED]


def check_all(model_dir: str, model: ModelManifest, repetitions: int, verify: str = "sizes") -> None:
    """Checks the files of the first repetitions of a model.

    Args:
      model_dir: the model directory.
      model: its manifest.
      repetitions: the number of repetitions that are needed.
      verify: "sizes" or "full".

    Raises:
      InputError: repetitions are missing, damaged or foreign; the message names them.
    """
    paths = [repetition_directory(model_dir, repetition) for repetition in range(repetitions)]
    missing = [number for number, path in enumerate(paths) if not os.path.isdir(path)]
    if missing:
        names = ", ".join(os.path.basename(paths[number]) for number in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        first, remedies = (
            missing[0],
            ["Run the same training again to resume it", "copy here what was trained elsewhere"],
        )
        if first:
            remedies.append(f"ask for fewer repetitions (the first {first} {'is' if first == 1 else 'are'} here)")
        raise InputError(
            f"Training of {model_dir} is not finished: it lacks {names}{more} (of {model.bucket_spec.repetitions}). "
            f"{', '.join(remedies[:-1])}{',' if first else ''} or {remedies[-1]}."
        )
    beyond = repetition_directory(model_dir, model.bucket_spec.repetitions)
    if os.path.isdir(beyond):
        raise InputError(
            f"{model_dir}/{MODEL_FILE} must count all repetitions that are there: it says {model.bucket_spec.repetitions}, but "
            f"{beyond} exists. Restore {MODEL_FILE}, or move that repetition away."
        )
    for repetition in range(repetitions):
        check(model_dir, model, repetition, verify)


def check(model_dir: str, model: ModelManifest, repetition: int, verify: str = "sizes") -> None:
    """Raises InputError for the first of `problems`."""
    arguments.choice(verify, "verify", VERIFICATIONS)
    for problem in problems(model_dir, model, repetition, verify):
        raise InputError(problem)


def unlisted(model_dir: str, repetitions: Iterable[int]) -> str:
    """Returns a sentence if a repetition has no repetition.json, so that only the checksums of its tensors protect it; "" otherwise."""
    directories = (repetition_directory(model_dir, repetition) for repetition in repetitions)
    first = next((path for path in directories if not os.path.lexists(os.path.join(path, REPETITION_FILE))), "")
    return first and (
        f"{first} has no {REPETITION_FILE}: an earlier version of mach_tf wrote it, or it was copied without it. Its weights are "
        "checked by TensorFlow's checksums, its other files are not; train again to have all files checked."
    )


def remedy(directory: str) -> str:
    """Returns what to do about a damaged repetition."""
    return f"The repetition is damaged or only partly copied: copy {directory} again, or remove it and train again."


def foreign(directory: str) -> str:
    """Returns the message for a repetition of another training."""
    return (
        f"{directory} is of another training than model.json beside it, or of another repetition of that training. Merge only "
        "what was trained with the same settings and data, under its own number."
    )


def fingerprint(model_dir: str, repetitions: int) -> list[str]:
    """Returns the SHA-256 of model.json and of each repetition's index of variables, which holds the checksums of its weights."""
    directories = [repetition_directory(model_dir, r) for r in range(repetitions)]
    indices = [os.path.join(directory, f"{VARIABLES_PREFIX}.index") for directory in directories]
    return [files.sha256(path) for path in [os.path.join(model_dir, MODEL_FILE), *indices]]

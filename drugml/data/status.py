"""What became of each row of a table."""

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """The state of one row; only OK rows are trained on or predicted."""

    OK = "ok"
    UNLABELLED = "unlabelled"
    """A good molecule without any label: of no use in training, but no mistake either."""
    MALFORMED = "malformed_row"
    EMPTY = "empty"
    NOT_SMILES = "parse_error"
    CHEMISTRY = "sanitize_error"
    NO_ATOMS = "no_atoms"
    UNSUPPORTED = "unsupported_atom"
    TOO_LARGE = "too_large"
    STANDARDIZER = "standardize_error"
    FEATURIZER = "featurizer_error"
    BAD_LABEL = "bad_label"
    BAD_UNIT = "bad_unit"
    CONFLICT = "conflicting_replicates"
    NOT_FINITE = "no_finite_value"
    """The model gave infinity or NaN."""
    FAULT = "fault"
    """Featurizer or model failed on it with an exception that nobody expected."""
    CRASH = "crash"
    """It ended the process that worked on it."""
    TIMEOUT = "timeout"
    """It took too long."""


class Reject(NamedTuple):
    """Why a row cannot be used."""

    status: Status
    reason: str


class BadRow(NamedTuple):
    """A row that is not used."""

    where: str
    """Line of the table, with its file where there are several."""
    text: str
    """Its structure, as the table has it."""
    reject: Reject

    @property
    def place(self) -> tuple[str, int]:
        """File and line, to sort by."""
        file, _, line = self.where.rpartition(":")
        return file, int(line)

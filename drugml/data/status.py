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
    FEATURIZER = "featurizer_error"
    BAD_LABEL = "bad_label"
    NOT_FINITE = "no_finite_value"
    """The model gave infinity or NaN."""


class Reject(NamedTuple):
    """Why a row cannot be used."""

    status: Status
    reason: str


class BadRow(NamedTuple):
    """A row that is not used."""

    line: int
    text: str
    reject: Reject

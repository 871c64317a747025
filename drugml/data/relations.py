"""Signs before a value: what they say of the true one."""

import re

MEANING = {
    "": "=", "=": "=", "==": "=", "~": "=", "≈": "=", "ca": "=", "ca.": "=",
    ">": ">", ">=": ">", ">>": ">", "≥": ">", "=>": ">",
    "<": "<", "<=": "<", "<<": "<", "≤": "<", "=<": "<",
}  # fmt: skip
"""Sign to exact, lower bound (>) or upper bound (<). `~` is as exact as most labels; `>=` bounds as `>` does."""
_SIGNED = re.compile(r"\s*(>>|<<|>=|<=|=>|=<|==|[><=~≈≥≤])\s*(.*)", re.DOTALL)


def relation(cell: str) -> str | None:
    """The meaning of a cell of a relation column (ChEMBL quotes it: `'>'`); None if it has none."""
    return MEANING.get(cell.strip().strip("'\"").strip().lower())


def signed(cell: str) -> tuple[str, str]:
    """A value cell as the meaning of its sign and the rest: `> 10` is (`>`, `10`)."""
    match = _SIGNED.fullmatch(cell)
    return (MEANING[match[1]], match[2]) if match else ("=", cell)

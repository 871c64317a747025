"""Units of labels, by pint; molar concentrations as -log10.

Shape letter: R rows.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drugml.config.labels import P
from drugml.data.status import Reject, Status
from drugml.errors import UserError

MOLAR = "mol/L"
Affine = tuple[float, float]
"""Factor and summand."""
MolarMass = Callable[[int], float | None]
"""g/mol of the molecule of a row, if it can be read."""


def convert(
    name: str,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    units: Sequence[str],
    to: str,
    molar_mass: MolarMass,
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, Reject]]:
    """Bounds (R,) of labels in another unit; a label whose unit does not fit is a reject.

    Mass concentrations become molar ones with the mass of the molecule as it stands in the table, salt included.

    Raises:
        UserError: if `to` is no unit.
    """
    target = MOLAR if to == P else to
    check_unit(target, f"target {name!r}: to")
    low, high = low.copy(), high.copy()
    rejects: dict[int, Reject] = {}
    for i in map(int, np.flatnonzero(~np.isnan(low))):
        try:
            slope, shift = _affine(_plain(units[i]), target, "")
        except _MolarMassNeeded:
            mass = molar_mass(i)
            if mass is None:
                rejects[i] = _reject(name, units[i], to, "the molar mass is unknown")
                continue
            slope, shift = _affine(_plain(units[i]), target, repr(mass))
        except ValueError as error:
            rejects[i] = _reject(name, units[i], to, str(error))
            continue
        low[i], high[i] = low[i] * slope + shift, high[i] * slope + shift
    if to == P:
        low, high, wrong = negative_log10(name, low, high)
        rejects |= wrong
    for i in rejects:
        low[i] = high[i] = np.nan
    return low, high, rejects


def negative_log10(
    name: str, low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, Reject]]:
    """-log10; what was a lower bound is an upper one now."""
    low, high, rejects = log10(name, low, high)
    return -high, -low, rejects


def log10(
    name: str, low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, Reject]]:
    """log10 of bounds (R,); a value that is not positive has none, an unbounded side stays unbounded."""
    at = np.where(np.isfinite(low), low, high)  # the number that was written
    wrong = np.flatnonzero(at <= 0)
    rejects = {int(i): Reject(Status.BAD_LABEL, f"target {name!r}: {at[i]:g} has no logarithm") for i in wrong}
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (np.where(np.isinf(v), v, np.log10(np.where(np.isinf(v), 1.0, v))) for v in (low, high))
    low[wrong] = high[wrong] = np.nan
    return low, high, rejects


def check_unit(text: str, where: str) -> None:
    """Refuse what is no unit.

    Raises:
        UserError: with examples.
    """
    try:
        _registry().Unit(_plain(text))
    except Exception:
        raise UserError(
            f"{where} = {text!r} is no unit; examples: nM, ug/mL, mL/min/kg, % (or p for -log10 of mol/L)"
        ) from None


class _MolarMassNeeded(Exception):
    """A mass concentration is to become a molar one, or the other way round."""


@cache
def _registry() -> Any:
    from pint import UnitRegistry  # half a second

    return UnitRegistry()


@lru_cache(maxsize=4096)
def _affine(unit: str, to: str, molar_mass: str) -> Affine:
    """Value in `to` = factor × value in `unit` + summand.

    Raises:
        ValueError: with the reason why there is none.
        _MolarMassNeeded: if the mass of a mole would help.
    """
    units = _registry()
    if not unit:
        raise ValueError("there is none")
    try:
        factor, bare = _factor(unit)
        one, nothing = units.Quantity(factor, bare), units.Quantity(0.0, bare)
        wanted = units.Unit(to)
    except Exception:  # pint raises many kinds
        raise ValueError("it is no unit") from None
    if one.dimensionality != wanted.dimensionality:
        grams = units.Quantity(float(molar_mass), "g/mol") if molar_mass else None
        for exponent in (-1, 1):
            mass = units.Quantity(1.0, "g/mol") ** exponent
            if (one * mass).dimensionality == wanted.dimensionality:
                if grams is None:
                    raise _MolarMassNeeded
                return float((one * grams**exponent).to(wanted).magnitude), 0.0
        raise ValueError("they measure different things")
    shift = float(nothing.to(wanted).magnitude)
    return float(one.to(wanted).magnitude) - shift, shift


def _factor(unit: str) -> tuple[float, str]:
    """`1e-6 cm/s` is 1e-6 and `cm/s`."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?(?:e-?\d+)?)\s*\*?\s*(.+)", unit)
    return (float(match[1]), match[2]) if match else (1.0, unit)


def _plain(text: str) -> str:
    """ChEMBL's `ug.mL-1` and `10'-6 cm/s` as pint writes them."""
    text = text.strip().replace("'", "").replace("10-6", "1e-6").replace("10^-6", "1e-6")
    text = re.sub(r"(?<=[A-Za-zµμ\d])\.(?=[A-Za-zµμ])", "*", text)
    return re.sub(r"(?<=[A-Za-zµμ])(?<!\de)(-\d+)", r"**\1", text)


def _reject(name: str, unit: str, to: str, why: str) -> Reject:
    goal = "mol/L" if to == P else to
    return Reject(Status.BAD_UNIT, f"target {name!r}: unit {unit!r} cannot become {goal!r}: {why}")

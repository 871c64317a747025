"""Labels: signs, units, logarithms, thresholds, weights, errors."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drugml.config.labels import LabelSpec
from drugml.data import labels, units
from drugml.data.cells import read_cells
from drugml.data.labels import Columns, read_classes, read_numbers
from drugml.data.relations import relation, signed
from drugml.data.status import Status
from drugml.data.table import Table
from drugml.errors import UserError
from tests.conftest import write_csv

INF = math.inf


def read(spec: LabelSpec, *columns: list[str], name: str = "y") -> labels.Target:
    """Columns in the order value, relation, unit, weight, error."""
    at = Columns(*[i if i < len(columns) and columns[i] else None for i in range(5)])
    cells = {i: c for i, c in enumerate(columns) if c}
    return read_numbers(name, spec, cells, at, lambda i: 200.0 if i % 2 == 0 else None)


def bounds(target: labels.Target) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in zip(target.labels.low, target.labels.high, strict=True)]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("'='", "="),
        ("'>'", ">"),
        (" < ", "<"),
        (">=", ">"),
        ("≤", "<"),
        ("~", "="),
        ("", "="),
        ('">>"', ">"),
        ("?", None),
    ],
)
def test_the_meaning_of_a_relation(cell: str, expected: str | None) -> None:
    assert relation(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"), [("> 10", (">", "10")), ("<=3e-4", ("<", "3e-4")), ("-5", ("=", "-5")), ("~2", ("=", "2"))]
)
def test_a_sign_before_the_value(cell: str, expected: tuple[str, str]) -> None:
    assert signed(cell) == expected


def test_signs_make_bounds_wherever_they_stand() -> None:
    target = read(LabelSpec(), ["5", ">5", "<5", "5", "5", "", ">5"], ["=", "", "=", "'>'", "<", ">", ">"])
    assert bounds(target)[:5] == [(5, 5), (5, INF), (-INF, 5), (5, INF), (-INF, 5)]
    assert np.isnan(target.labels.low[5])
    assert bounds(target)[6] == (5, INF)
    assert target.labels.censored == 5
    np.testing.assert_array_equal(target.labels.exact[:2], [5, np.nan])


def test_signs_that_contradict_or_mean_nothing_are_rejects() -> None:
    target = read(LabelSpec(relation="r"), ["<5", "5", ">x"], [">", "about", ""])
    assert {i: r.reason for i, r in target.labels.rejects.items()} == {
        0: "target 'y': the value '<5' and the relation '>' contradict each other",
        1: "target 'y': 'about' is no relation; expected =, <, > or ~",
        2: "target 'y' is not a number: '>x'",
    }


def test_a_concentration_becomes_p_and_its_bound_turns_round() -> None:
    spec = LabelSpec(unit_column="u", to="p")
    target = read(spec, ["1", ">10", "<1", "100"], [], ["nM", "µM", "mM", "nmol/L"])
    np.testing.assert_allclose(target.labels.high, [9, 5, INF, 7])
    np.testing.assert_allclose(target.labels.low, [9, -INF, 3, 7])
    assert target.units == {"nM": 1, "µM": 1, "mM": 1, "nmol/L": 1}


def test_a_mass_concentration_needs_the_molar_mass() -> None:
    target = read(LabelSpec(unit="ug.mL-1", to="uM"), ["2", "2"])
    assert target.labels.low[0] == pytest.approx(10)  # 2 mg/L of 200 g/mol
    assert target.labels.rejects[1] == (
        Status.BAD_UNIT,
        "target 'y': unit 'ug.mL-1' cannot become 'uM': the molar mass is unknown",
    )


def test_units_that_do_not_fit_are_rejected_row_by_row() -> None:
    target = read(
        LabelSpec(unit_column="u", to="p"), ["1", "1", "1", "-1", ""], [], ["%", "", "furlong per", "nM", "%"]
    )
    assert {i: r.reason for i, r in target.labels.rejects.items()} == {
        0: "target 'y': unit '%' cannot become 'mol/L': they measure different things",
        1: "target 'y': unit '' cannot become 'mol/L': there is none",
        2: "target 'y': unit 'furlong per' cannot become 'mol/L': it is no unit",
        3: "target 'y': -1e-09 has no logarithm",
    }
    assert np.isnan(target.labels.low).all()


@pytest.mark.parametrize("unit", ["nn", "p", "??"])
def test_a_unit_that_is_none_is_a_mistake_of_the_config(unit: str) -> None:
    with pytest.raises(UserError, match="is no unit; examples: nM, ug/mL, mL/min/kg, %"):
        read(LabelSpec(unit=unit), ["1"])


@pytest.mark.parametrize(
    ("text", "factor", "to"),
    [
        ("ug.mL-1", 1e-3, "mg/mL"),
        ("mL.min-1.g-1", 1.0, "uL/min/mg"),
        ("10'-6 cm/s", 1e-6, "cm/s"),
        ("uM", 1e3, "nM"),
        ("hr", 60.0, "min"),
        ("kcal/mol", 4.184, "kJ/mol"),
    ],
)
def test_units_as_databases_write_them(text: str, factor: float, to: str) -> None:
    target = read(LabelSpec(unit=text, to=to), ["2"])
    assert target.labels.low[0] == pytest.approx(2 * factor)


def test_a_temperature_is_shifted_and_not_only_scaled() -> None:
    assert read(LabelSpec(unit="degC", to="kelvin"), ["25"]).labels.low[0] == pytest.approx(298.15)


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=20), st.sampled_from(["nM", "uM", "mM", "M", "pM"]))
def test_conversion_there_and_back_gives_the_values(values: list[float], unit: str) -> None:
    there = read(LabelSpec(unit=unit, to="mol/m**3"), [repr(v) for v in values]).labels.low
    back = read(LabelSpec(unit="mol/m**3", to=unit), [repr(float(v)) for v in there]).labels.low
    np.testing.assert_allclose(back, values, rtol=1e-12)
    p = read(LabelSpec(unit=unit, to="p"), [repr(v) for v in values]).labels.low
    molar = read(LabelSpec(unit=unit, to="mol/L"), [repr(v) for v in values]).labels.low
    np.testing.assert_allclose(10.0**-p, molar, rtol=1e-9)


@given(st.lists(st.tuples(st.floats(1e-6, 1e6), st.sampled_from("=<>")), min_size=1, max_size=20))
def test_a_logarithm_keeps_order_and_bounds(labelled: list[tuple[float, str]]) -> None:
    cells, signs = [repr(v) for v, _ in labelled], [s for _, s in labelled]
    plain, logged = read(LabelSpec(), cells, signs).labels, read(LabelSpec(log10=True), cells, signs).labels
    np.testing.assert_array_equal(np.isinf(plain.low), np.isinf(logged.low))
    np.testing.assert_array_equal(np.isinf(plain.high), np.isinf(logged.high))
    np.testing.assert_allclose(10.0**logged.exact, plain.exact, rtol=1e-9)
    assert (logged.low[~np.isinf(logged.low)] <= logged.high[~np.isinf(logged.low)]).all()


def test_zero_has_no_logarithm() -> None:
    target = read(LabelSpec(log10=True), ["0", "<0", "10"])
    assert {i: r.reason for i, r in target.labels.rejects.items()} == dict.fromkeys(
        (0, 1), "target 'y': 0 has no logarithm"
    )
    assert bounds(target)[2] == (1, 1)


def test_a_threshold_makes_classes_and_a_bound_only_where_it_is_sure() -> None:
    cells = ["6", "5", "4", ">6", ">4", "<4", "<5", "<6", ""]
    target = read(LabelSpec(threshold=5), cells)
    np.testing.assert_array_equal(target.labels.low, [1, 1, 0, 1, np.nan, 0, 0, np.nan, np.nan])
    assert (target.grey, target.labels.positive) == (2, ">= 5")
    grey = read(LabelSpec(threshold=5, grey=0.5, active="below"), [*cells, "5.4", "4.5", "5.5"])
    np.testing.assert_array_equal(grey.labels.low, [0, np.nan, 1, 0, np.nan, 1, np.nan, np.nan, np.nan, np.nan, 1, 0])
    assert (grey.grey, grey.labels.positive) == (5, "<= 5")


def test_weights_and_errors_are_carried_in_the_labels_unit() -> None:
    spec = LabelSpec(unit="nM", to="uM", weight="w", error="e")
    target = read(spec, ["1000", "1000", "1000"], [], [], ["2", "", "1"], ["100", "", "x"])
    np.testing.assert_array_equal(target.weight[:2], [2, 1])
    assert target.error[0] == pytest.approx(0.1)
    assert np.isnan(target.error[1])
    assert target.labels.rejects[2].reason == "target 'y': standard error 'x' is no positive number"
    weightless = read(LabelSpec(weight="w"), ["1"], [], [], ["0"])
    assert weightless.labels.rejects[0].reason == "target 'y': weight '0' is no positive number"
    logged = read(LabelSpec(log10=True, error="e"), ["1000"], [], [], [], ["100"])
    assert logged.error[0] == pytest.approx(100 / (1000 * math.log(10)))


def test_classes_have_no_unit() -> None:
    with pytest.raises(UserError, match=r"data\.labels\.y: classes have no unit or logarithm; set a threshold"):
        read_classes("y", LabelSpec(log10=True), {0: ["0", "1"]}, Columns(0), None)


def test_a_column_beside_the_target_is_taken_for_its_relation_if_it_is_one(tmp_path: Path) -> None:
    table = Table(write_csv(tmp_path / "t.csv", ["y", "y modifier", "z", "z_relation"], [["1", ">", "2", "assay"]]))
    at = labels.columns(table, "y", LabelSpec())
    rows = read_cells(table, range(4))
    assert bounds(read_numbers("y", LabelSpec(), rows, at, lambda i: None)) == [(1, INF)]
    at = labels.columns(table, "z", LabelSpec())
    assert bounds(read_numbers("z", LabelSpec(), rows, at, lambda i: None)) == [(2, 2)]
    with pytest.raises(UserError, match="no relation column 'rel'"):
        labels.columns(table, "y", LabelSpec(relation="rel"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"unit": "nM", "unit_column": "u"}, "give `unit` for all values or `unit_column` for each, not both"),
        ({"to": "p"}, "to='p' needs the unit that values have now"),
        ({"grey": 1.0}, "`grey` and `active` belong to a `threshold`"),
        ({"log10": True, "to": "p", "unit": "nM"}, "`log10` is for numbers that are no logarithms yet"),
    ],
)
def test_settings_that_contradict_each_other(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        LabelSpec(**fields)  # type: ignore[arg-type]


def test_check_unit_accepts_what_it_names() -> None:
    for text in ("nM", "ug/mL", "mL/min/kg", "%"):
        units.check_unit(text, "here")

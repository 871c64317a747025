"""All checks over one record."""

from collections.abc import Callable, Iterator

from drugml.config.audit import AuditSpec
from drugml.data.audit.finding import Audit, Finding, Severity
from drugml.data.audit.identity import check_identity
from drugml.data.audit.labels import check_labels, limits
from drugml.data.audit.noise import ClassNoise, Noise, class_noise, noise
from drugml.data.audit.record import Record
from drugml.data.audit.rows import check_missing, check_rows
from drugml.data.audit.scale import check_scale
from drugml.data.audit.structures import check_structures
from drugml.data.audit.table import Examined
from drugml.data.facts import Facts

CHECKS: tuple[Callable[[Examined], Iterator[Finding]], ...] = (
    check_rows,
    check_scale,
    check_labels,
    check_identity,
    check_structures,
    check_missing,
)
ORDER = list(Severity)


def audit(record: Record, facts: Facts, spec: AuditSpec) -> Audit:
    """Look at a table from all sides.

    Args:
        record: the table; M usable rows.
        facts: (M,), from `drugml.data.facts.inspect`.
        spec: limits.
    """
    if len(facts) != len(record.lines):
        raise ValueError(f"facts of {len(facts)} molecules for {len(record.lines)} rows")
    table = Examined(record, facts, spec)
    findings = [f for check in CHECKS for f in check(table)]
    findings.sort(key=lambda f: ORDER.index(f.severity))  # stable: within a severity the order of the checks
    named = dict(enumerate(record.targets))
    piles = {name: limits(table, t) for t, name in named.items()}
    return Audit(
        record.name,
        record.rows,
        len(record.bad),
        table.molecules,
        tuple(findings),
        {name: found for t, name in named.items() if (found := _noise(table, t)) is not None},
        {name: found for name, found in piles.items() if found},
    )


def _noise(table: Examined, target: int) -> Noise | ClassNoise | None:
    values, molecule = table.values(target), table.molecule[table.record.exact(target)]
    if table.record.is_class(target):
        return class_noise(values, molecule)
    return noise(values, molecule, logs=table.logs[target])

"""Fingerprints that can be written under `featurizer:`."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from drugml.config.base import FeatureKind
from drugml.config.descriptors import DescribedSpec, named

Bits = Annotated[int, Field(ge=16, le=65536)]


class FingerprintSpec(DescribedSpec):
    """A featurizer that gives counts per molecule, up to 255."""

    gives: ClassVar[FeatureKind] = "fingerprint"

    @property
    def widths(self) -> tuple[int, ...]:
        """Lengths of the fingerprints that lie side by side."""
        return (int(self.kwargs()["bits"]),)


class MorganSpec(FingerprintSpec):
    """Morgan (ECFP-like) count fingerprint (Rogers & Hahn 2010, doi:10.1021/ci100050t)."""

    name: Literal["morgan"] = "morgan"
    radius: Annotated[int, Field(ge=0, le=10)] = 2
    """Bonds around each atom; 2 is ECFP4."""
    bits: Bits = 2048
    """Length of the folded fingerprint."""
    chirality: bool = False
    """Whether stereocentres change the fingerprint."""


class CountsSpec(FingerprintSpec):
    """Counts of Morgan environments, atom pairs and topological torsions, side by side.

    Rogers & Hahn 2010, doi:10.1021/ci100050t; Carhart et al. 1985, doi:10.1021/ci00046a002; Nilakantan et al. 1987,
    doi:10.1021/ci00054a008.
    """

    name: Literal["counts"] = "counts"
    radius: Annotated[int, Field(ge=0, le=10)] = 2
    """Bonds around each atom of a Morgan environment."""
    bits: Bits = 2048
    """Length of each of the three folded fingerprints."""
    chirality: bool = True
    """Whether stereocentres change the fingerprints."""

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.bits,) * 3


class NoFingerprintSpec(FingerprintSpec):
    """No fingerprint, for models that learn from descriptors alone."""

    name: Literal["none"] = "none"

    @property
    def widths(self) -> tuple[int, ...]:
        return ()


class FeatureMorganSpec(FingerprintSpec):
    """Morgan counts of atom roles such as donor or acid, FCFP-like (Rogers & Hahn 2010, doi:10.1021/ci100050t)."""

    name: Literal["feature_morgan"] = "feature_morgan"
    radius: Annotated[int, Field(ge=0, le=10)] = 2
    """Bonds around each atom; 2 is FCFP4."""
    bits: Bits = 2048
    """Length of the folded fingerprint."""
    chirality: bool = False
    """Whether stereocentres change the fingerprint."""


class AtomPairSpec(FingerprintSpec):
    """Counts of pairs of atoms and the bonds between them (Carhart et al. 1985, doi:10.1021/ci00046a002)."""

    name: Literal["atom_pair"] = "atom_pair"
    bits: Bits = 2048
    """Length of the folded fingerprint."""
    chirality: bool = False
    """Whether stereocentres change the fingerprint."""


class TorsionSpec(FingerprintSpec):
    """Counts of paths of four atoms, topological torsions (Nilakantan et al. 1987, doi:10.1021/ci00054a008)."""

    name: Literal["torsion"] = "torsion"
    bits: Bits = 2048
    """Length of the folded fingerprint."""
    chirality: bool = False
    """Whether stereocentres change the fingerprint."""


class PathSpec(FingerprintSpec):
    """RDKit's fingerprint: counts of linear and branched subgraphs, two columns each, after Daylight's (rdkit.org)."""

    name: Literal["path"] = "path"
    longest: Annotated[int, Field(ge=1, le=10)] = 7
    """Bonds of the largest subgraphs."""
    bits: Bits = 2048
    """Length of the folded fingerprint."""


class AvalonSpec(FingerprintSpec):
    """Counts of the features of the Avalon toolkit (Gedeck et al. 2006, doi:10.1021/ci050413p)."""

    name: Literal["avalon"] = "avalon"
    bits: Bits = 1024
    """Length of the folded fingerprint."""


class MaccsSpec(FingerprintSpec):
    """MACCS keys: 166 questions about substructures, 1 for yes (Durant et al. 2002, doi:10.1021/ci010132r)."""

    name: Literal["maccs"] = "maccs"

    @property
    def widths(self) -> tuple[int, ...]:
        return (166,)


class PatternSpec(FingerprintSpec):
    """RDKit's screen for substructure searches: 1 for each small pattern that occurs (rdkit.org)."""

    name: Literal["pattern"] = "pattern"
    bits: Bits = 2048
    """Length of the folded fingerprint."""


class SkfpSpec(FingerprintSpec):
    """One of the fingerprints that scikit-fingerprints adds (Adamczyk & Ludynia 2024, doi:10.1016/j.softx.2024.101944).

    SECFP and MHFP: Probst & Reymond 2018, doi:10.1186/s13321-018-0321-8; MAP: Capecchi et al. 2020,
    doi:10.1186/s13321-020-00445-4; LINGO: Vidal et al. 2005, doi:10.1021/ci0496797; layered: RDKit's; physicochemical
    atom pairs: Kearsley et al. 1996, doi:10.1021/ci950274j; Klekota & Roth 2008, PMID 18784118; functional groups:
    Laggner's SMARTS, or RDKit's fragments; PubChem's substructure keys; Ghose & Crippen 1987, doi:10.1021/ci00053a005;
    MQN: Nguyen et al. 2009, doi:10.1002/cmdc.200900317.
    """

    name: Literal["skfp"] = "skfp"
    fingerprint: Literal[
        "secfp",
        "mhfp",
        "map",
        "lingo",
        "layered",
        "physicochemical",
        "klekota_roth",
        "laggner",
        "pubchem",
        "ghose_crippen",
        "functional_groups",
        "mqn",
    ] = "secfp"
    """secfp mhfp map lingo layered physicochemical klekota_roth laggner pubchem ghose_crippen functional_groups mqn"""
    bits: Bits | None = None
    """Length of a folded fingerprint, 2048 if it is left out; those of fixed length refuse another."""

    @property
    def widths(self) -> tuple[int, ...]:
        return (FIXED.get(self.fingerprint, self.bits or FOLDED),)

    @model_validator(mode="after")
    def _fixed(self) -> Self:
        length = FIXED.get(self.fingerprint)
        if length is not None and self.bits not in (None, length):
            raise ValueError(f"{self.fingerprint!r} has {length} columns; leave `bits` out")
        return self


FOLDED = 2048
"""Columns of the others where nothing is said."""
FIXED = {
    "klekota_roth": 4860,
    "laggner": 307,
    "pubchem": 881,
    "ghose_crippen": 110,
    "functional_groups": 85,
    "mqn": 42,
}
"""Fingerprints of scikit-fingerprints that are lists of questions, and how many these are."""


def _listed(parts: Any) -> Any:
    if not isinstance(parts, list | tuple) or not parts:
        raise ValueError(f"expected a list such as [morgan, maccs], found {parts!r}")
    return parts


Part = Annotated[
    MorganSpec
    | CountsSpec
    | FeatureMorganSpec
    | AtomPairSpec
    | TorsionSpec
    | PathSpec
    | AvalonSpec
    | MaccsSpec
    | PatternSpec
    | SkfpSpec,
    Field(discriminator="name"),
]


class FingerprintsSpec(FingerprintSpec):
    """Several fingerprints side by side; kernels and neighbours compare each by itself."""

    name: Literal["fingerprints"] = "fingerprints"
    parts: Annotated[
        tuple[Annotated[Part, BeforeValidator(named, json_schema_input_type=Part | str)], ...],
        BeforeValidator(_listed),
    ] = (MorganSpec(), MaccsSpec(), AvalonSpec())
    """Which, in order: names, or sections such as {name: morgan, radius: 3}."""

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(w for part in self.parts for w in part.widths)

    @property
    def names(self) -> tuple[str, ...]:
        return (*super().names, *(part.name for part in self.parts))

    @model_validator(mode="after")
    def _different(self) -> Self:
        if twice := [p.name for n, p in enumerate(self.parts) if p in self.parts[:n]]:
            raise ValueError(f"{twice[0]!r} is named more than once with the same options; leave one out")
        if having := [p.name for p in self.parts if p.descriptors]:
            raise ValueError(f"{having[0]!r} has descriptors of its own; name them once, in featurizer.descriptors")
        if scaled := [p.name for p in self.parts if p.descriptor_scale != "rank"]:
            raise ValueError(f"{scaled[0]!r} has a descriptor_scale of its own; set it once, in the featurizer")
        return self

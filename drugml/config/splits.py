"""What can be written under `data.split:`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drugml.config.base import Spec

Sizes = tuple[float, float, float]
Order = Literal["balanced", "largest_first"]


class Shares(Spec):
    """Folds of given shares."""

    sizes: Sizes = (0.8, 0.1, 0.1)
    """Shares of train, validation and test molecules; they add up to 1."""

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if min(self.sizes) <= 0 or abs(sum(self.sizes) - 1) > 1e-6:
            raise ValueError(f"shares must be positive and add up to 1, found {list(self.sizes)}")
        return self


class SizedSplit(Shares):
    """A split that draws train, validation and test fold by share."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Another seed gives another split; `train.seed` does not touch it."""


class GroupedSplit(SizedSplit):
    """A split that keeps groups of molecules whole."""

    order: Order = "balanced"
    """`balanced`: groups too big for half a fold to train, the others drawn by the seed (as Chemprop); `largest_first`:
    by size, the largest to train, the smallest to test (as DeepChem); the seed then orders nothing."""


class RandomSplit(SizedSplit):
    """Molecules drawn at random; identical molecules (same InChIKey) stay together."""

    kind: Literal["random"] = "random"


class StratifiedSplit(SizedSplit):
    """Every fold with the same share of each class or range of each target (iterative stratification, Sechidis 2011,
    doi:10.1007/978-3-642-23808-6_10).
    """

    kind: Literal["stratified"] = "stratified"
    bins: Annotated[int, Field(ge=2, le=100)] = 10
    """Ranges with equally many labels into which a target of more than two values is cut."""


class ScaffoldSplit(GroupedSplit):
    """Bemis-Murcko scaffolds (1996, doi:10.1021/jm9602928) drawn at random; none is shared by two folds."""

    kind: Literal["scaffold"] = "scaffold"
    framework: Literal["murcko", "generic"] = "murcko"
    """`murcko`: rings and linkers as they are; `generic`: as a graph, every atom carbon and every bond single."""
    acyclic: Literal["apart", "together"] = "apart"
    """Molecules without a ring have no scaffold: each is a group of its own, or all are one group."""


class ClusterSplit(GroupedSplit):
    """Clusters of similar fingerprints: sphere exclusion around leaders, or Butina (1999, doi:10.1021/ci9803381)."""

    kind: Literal["cluster"] = "cluster"
    method: Literal["leader", "butina"] = "leader"
    """`leader`: any number of molecules; `butina`: dense regions first, slower, up to 150,000 different molecules."""
    distance: Annotated[float, Field(gt=0, lt=1)] = 0.65
    """Largest Tanimoto distance (1 - similarity, Morgan radius 2, 2048 bits) to the centre of a cluster."""


class KMeansSplit(GroupedSplit):
    """K-means clusters (Sculley 2010, doi:10.1145/1772690.1772862) of fingerprints reduced by truncated SVD.

    The seed draws the clusters and the folds.
    """

    kind: Literal["kmeans"] = "kmeans"
    clusters: Annotated[int, Field(ge=3)] = 50
    """Clusters; many more than folds, so that the shares can be met."""
    dimensions: Annotated[int, Field(ge=2, le=500)] = 50
    """Components kept of the fingerprint."""


class KennardStoneSplit(SizedSplit):
    """The most diverse molecules train, the rest is divided by the seed (Kennard & Stone 1969,
    doi:10.1080/00401706.1969.10490666): test molecules lie between training molecules, an interpolation.
    """

    kind: Literal["kennard_stone"] = "kennard_stone"


class MaxMinSplit(SizedSplit):
    """As kennard_stone, but begun with a molecule that the seed draws (MaxMin, Ashton 2002,
    doi:10.1002/qsar.200290002); faster, as the two most different molecules need not be found.
    """

    kind: Literal["max_min"] = "max_min"


class PerimeterSplit(SizedSplit):
    """The most different pairs of molecules are set aside and divided by the seed between validation and test
    (extrapolation-oriented split, Szántai-Kis et al. 2003).
    """

    kind: Literal["perimeter"] = "perimeter"


class TimeSplit(Shares):
    """The earliest rows train, later ones validate, the latest test; equal times stay together (Sheridan 2013,
    doi:10.1021/ci400084k).
    """

    kind: Literal["time"] = "time"
    column: str
    """Column with dates (2014-03-01), numbers (2014) or numbered names (E-0001321)."""
    format: str | None = None
    """How dates are written where they are not ISO dates, such as %d/%m/%Y (codes of strptime)."""


class GroupSplit(GroupedSplit):
    """Rows with the same cell in a column stay together: series, projects, plates."""

    kind: Literal["group"] = "group"
    column: str
    """Column with the name of the group."""


class PredefinedSplit(Spec):
    """A column of the table says the fold of each row: train, val or test."""

    kind: Literal["predefined"] = "predefined"
    column: str = "split"
    """Column with train, val (or valid, validation) and test."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the training rows drawn for validation where the column names none."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of that draw."""
    leaks: Literal["error", "warn"] = "error"
    """What to do when one molecule (same InChIKey) stands in two folds."""


class FileSplit(Spec):
    """A split file says the fold of each molecule, as `drugml data split` and every run write it."""

    kind: Literal["file"] = "file"
    path: str
    """csv with the column fold and inchikey or line, or both."""
    repeat: Annotated[int, Field(ge=1)] | None = None
    """Which repeat of a file with several."""
    number: Annotated[int, Field(ge=1)] | None = None
    """Which fold of a file with cross-validation."""
    leaks: Literal["error", "warn"] = "error"
    """What to do when one molecule (same InChIKey) stands in two folds."""


SplitSpec = Annotated[
    RandomSplit
    | StratifiedSplit
    | ScaffoldSplit
    | ClusterSplit
    | KMeansSplit
    | KennardStoneSplit
    | MaxMinSplit
    | PerimeterSplit
    | TimeSplit
    | GroupSplit
    | PredefinedSplit
    | FileSplit,
    Field(discriminator="kind"),
]

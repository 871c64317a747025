"""What can be written under `model.encodings`: where in its molecule an atom is."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from drugml.config.base import Spec


class WalkEncoding(Spec):
    """Chances that a random walk from an atom is back after 1, 2, … steps (Dwivedi et al. 2022, arXiv:2110.07875)."""

    name: Literal["walk"] = "walk"
    steps: Annotated[int, Field(ge=1, le=64)] = 16
    """Longest walk."""


class LaplacianEncoding(Spec):
    """Eigenvectors of the normalised Laplacian (Dwivedi et al. 2020, arXiv:2003.00982), whatever their signs (SignNet,
    Lim et al. 2022, arXiv:2202.13013).
    """

    name: Literal["laplacian"] = "laplacian"
    vectors: Annotated[int, Field(ge=1, le=32)] = 8
    """How many, of the smallest eigenvalues but the first."""


class DegreeEncoding(Spec):
    """Number of bonds of an atom, hydrogens apart (centrality encoding, Ying et al. 2021, arXiv:2106.05234)."""

    name: Literal["degree"] = "degree"
    most: Annotated[int, Field(ge=1, le=16)] = 6
    """More bonds are not told apart."""


EncodingSpec = Annotated[WalkEncoding | LaplacianEncoding | DegreeEncoding, Field(discriminator="name")]


def _named(part: Any) -> Any:
    """`walk` is short for `name: walk`."""
    return {"name": part} if isinstance(part, str) else part


def _listed(parts: Any) -> Any:
    if not isinstance(parts, list | tuple):
        raise ValueError(f"expected a list such as [walk, degree], found {parts!r}")
    return parts


def _different(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    if twice := [p.name for n, p in enumerate(parts) if p.name in [q.name for q in parts[:n]]]:
        raise ValueError(f"{twice[0]!r} is named more than once; leave one out")
    return parts


Encodings = Annotated[
    tuple[Annotated[EncodingSpec, BeforeValidator(_named, json_schema_input_type=EncodingSpec | str)], ...],
    BeforeValidator(_listed),
    AfterValidator(_different),
]

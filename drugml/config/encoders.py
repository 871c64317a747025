"""Graph networks that can be written under `model:`; options of one name mean the same in all of them."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from drugml.config.base import FeatureKind, Spec
from drugml.config.descriptors import RdkitDescriptorsSpec
from drugml.config.encodings import Encodings
from drugml.config.featurizers import ChempropV2Spec, MorganSpec, OgbSpec

Width = Annotated[int, Field(ge=1, le=16384)]
Depth = Annotated[int, Field(ge=1, le=20)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Heads = Annotated[int, Field(ge=1, le=64)]
Pooling = Literal["sum", "mean", "max", "norm", "attention", "sum_max", "set2set"]


class EncoderSpec(Spec):
    """What every network has."""

    takes: ClassVar[FeatureKind]
    featurizer: ClassVar[Spec]
    compiles: ClassVar[bool] = True
    """Whether `train.compile` is built for it."""
    size: ClassVar[int | None] = None
    """Numbers that it learns at these defaults, without the head; written out, so that a list needs no torch."""
    name: str
    hidden_dim: Width = 300
    """Width of every embedding."""
    depth: Depth = 4
    """Number of layers."""
    dropout: Dropout = 0.0
    """Probability of zeroing an activation after each layer."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "EncoderSpec":
        heads = getattr(self, "heads", 1)
        if self.hidden_dim % heads:
            raise ValueError(f"hidden_dim {self.hidden_dim} is not a multiple of heads {heads}, which share it equally")
        return self


class GraphSpec(EncoderSpec):
    """What every network of atoms and bonds has."""

    takes: ClassVar[FeatureKind] = "graph"
    featurizer: ClassVar[Spec] = OgbSpec()
    hidden_dim: Width = 300
    """Width of every atom embedding."""
    depth: Depth = 4
    """Rounds of message passing; each one widens an atom's view by one bond."""
    dropout: Dropout = 0.0
    """Probability of zeroing an activation after each round."""
    encodings: Encodings = ()
    """Where in its molecule an atom is, added to its features: any of walk, laplacian, degree."""

    def kwargs(self) -> dict[str, Any]:
        """Without the encodings: no network knows of them."""
        return {k: v for k, v in super().kwargs().items() if k != "encodings"}


class PooledSpec(GraphSpec):
    """A network of atoms, which a readout makes one molecule."""

    pooling: Pooling = "norm"
    """Atoms to molecule: sum, mean, max, sum divided by 100 (norm), or learned (attention, sum_max, set2set)."""


class LayeredSpec(PooledSpec):
    """Rounds of one kind, each with a norm and a residual connection."""

    virtual_node: bool = False
    """Whether a node that sees all atoms passes messages between rounds (Gilmer et al. 2017, arXiv:1704.01212)."""


class DmpnnSpec(PooledSpec):
    """Directed message passing network (Yang et al. 2019, doi:10.1021/acs.jcim.9b00237), the network of Chemprop."""

    featurizer: ClassVar[Spec] = ChempropV2Spec()
    size: ClassVar[int] = 227_700
    name: Literal["dmpnn"] = "dmpnn"
    hidden_dim: Width = 300
    """Width of every directed-bond embedding."""
    depth: Depth = 3
    """Rounds of message passing, the first embedding included, as Chemprop counts."""


class CmpnnSpec(PooledSpec):
    """Communicative message passing of atoms and directed bonds (Song et al. 2020, doi:10.24963/ijcai.2020/392)."""

    featurizer: ClassVar[Spec] = ChempropV2Spec()
    size: ClassVar[int] = 1_129_800
    name: Literal["cmpnn"] = "cmpnn"
    hidden_dim: Width = 300
    """Width of every atom and directed-bond embedding."""
    depth: Depth = 3
    """Rounds of message passing, the first embedding included, as in D-MPNN."""


class GcnSpec(LayeredSpec):
    """Graph convolutional network (Kipf & Welling 2017, arXiv:1609.02907); sees no bond features."""

    size: ClassVar[int] = 416_100
    name: Literal["gcn"] = "gcn"


class GinSpec(LayeredSpec):
    """Graph isomorphism network (Xu et al. 2019, arXiv:1810.00826); sees no bond features."""

    size: ClassVar[int] = 1_498_504
    name: Literal["gin"] = "gin"


class GineSpec(LayeredSpec):
    """Graph isomorphism network with bond features (Hu et al. 2020, arXiv:1905.12265)."""

    size: ClassVar[int] = 1_515_304
    name: Literal["gine"] = "gine"


class GraphSageSpec(LayeredSpec):
    """GraphSAGE with mean aggregation (Hamilton et al. 2017, arXiv:1706.02216); sees no bond features."""

    size: ClassVar[int] = 776_100
    name: Literal["graphsage"] = "graphsage"


class GatSpec(LayeredSpec):
    """Graph attention network (Veličković et al. 2018, arXiv:1710.10903), attention by atoms and bonds."""

    size: ClassVar[int] = 435_300
    name: Literal["gat"] = "gat"
    heads: Heads = 4
    """Attention heads, which share `hidden_dim`."""


class Gatv2Spec(LayeredSpec):
    """Graph attention network with dynamic attention (Brody et al. 2022, arXiv:2105.14491), by atoms and bonds."""

    size: ClassVar[int] = 795_300
    name: Literal["gatv2"] = "gatv2"
    heads: Heads = 4
    """Attention heads, which share `hidden_dim`."""


class PnaSpec(LayeredSpec):
    """Principal neighbourhood aggregation (Corso et al. 2020, arXiv:2004.05718) with bond features."""

    size: ClassVar[int] = 1_146_240
    name: Literal["pna"] = "pna"
    hidden_dim: Width = 128
    """Width of every atom embedding; twelve aggregates of it meet in each round."""


class GatedGcnSpec(PooledSpec):
    """Gated graph ConvNet with bond embeddings (Bresson & Laurent 2018, arXiv:1711.07553)."""

    size: ClassVar[int] = 844_600
    name: Literal["gatedgcn"] = "gatedgcn"
    hidden_dim: Width = 200
    """Width of every atom and bond embedding."""


class MpnnSpec(PooledSpec):
    """Message passing with an edge network, GRU and Set2Set (Gilmer et al. 2017, arXiv:1704.01212)."""

    size: ClassVar[int] = 616_064
    name: Literal["mpnn"] = "mpnn"
    hidden_dim: Annotated[int, Field(ge=1, le=512)] = 64
    """Width of every atom embedding; each bond is a matrix of its square."""
    depth: Depth = 3
    """Rounds of message passing; all have the same weights."""
    edge_dim: Width = 128
    """Width of the hidden layer from bond features to matrices."""
    pooling: Pooling = "set2set"
    """Atoms to molecule: sum, mean, max, sum divided by 100 (norm), or learned (attention, sum_max, set2set)."""


class AttentiveFpSpec(GraphSpec):
    """Attentive FP: attention among atoms, then of the molecule (Xiong et al. 2020, doi:10.1021/acs.jmedchem.9b00959).

    Its readout is its own.
    """

    size: ClassVar[int] = 923_000
    name: Literal["attentivefp"] = "attentivefp"
    hidden_dim: Width = 200
    """Width of every atom embedding."""
    depth: Depth = 2
    """Rounds of attention among atoms."""
    steps: Annotated[int, Field(ge=1, le=20)] = 2
    """Rounds of attention of the molecule to its atoms."""


class GpsSpec(PooledSpec):
    """Local messages and global attention, with random-walk encodings (Rampášek et al. 2022, arXiv:2205.12454)."""

    compiles: ClassVar[bool] = False
    size: ClassVar[int] = 826_244
    name: Literal["gps"] = "gps"
    hidden_dim: Width = 128
    """Width of every atom embedding."""
    heads: Heads = 4
    """Attention heads, which share `hidden_dim`."""
    walk: Annotated[int, Field(ge=1, le=64)] = 16
    """Longest random walk whose chance of return is a feature of its atom."""


class GraphormerSpec(PooledSpec):
    """Transformer on atoms whose attention knows bonds and distances (Ying et al. 2021, arXiv:2106.05234)."""

    compiles: ClassVar[bool] = False
    size: ClassVar[int] = 817_232
    name: Literal["graphormer"] = "graphormer"
    pooling: Literal["node"] | Pooling = "node"  # type: ignore[assignment]
    """Atoms to molecule: a node that all atoms see (node, as in the paper), or what other networks have: sum, mean,
    max, sum divided by 100 (norm), or learned (attention, sum_max, set2set)."""
    hidden_dim: Width = 128
    """Width of every atom embedding."""
    heads: Heads = 8
    """Attention heads, which share `hidden_dim`."""
    max_distance: Annotated[int, Field(ge=1, le=64)] = 10
    """Distances beyond it, in bonds, are not told apart."""


class MlpSpec(EncoderSpec):
    """Multi-layer perceptron on fingerprints and descriptors (Burns & Green 2025, doi:10.1186/s13321-025-01013-4)."""

    takes: ClassVar[FeatureKind] = "fingerprint"
    featurizer: ClassVar[Spec] = MorganSpec(descriptors=(RdkitDescriptorsSpec(),))
    compiles: ClassVar[bool] = False
    size: ClassVar[int] = 1_422_848
    name: Literal["mlp"] = "mlp"
    hidden_dim: Width = 512
    """Width of every layer."""
    depth: Depth = 2
    """Layers before the head."""
    dropout: Dropout = 0.1
    """Probability of zeroing an activation after each layer."""

"""Molecules to codes. Importing this package registers every featurizer; it never imports torch."""

from drugml.config.plugins import implement
from drugml.featurizers import counts as counts
from drugml.featurizers import descriptors as descriptors
from drugml.featurizers import feature_sets as feature_sets
from drugml.featurizers import fingerprints as fingerprints
from drugml.featurizers import generated as generated
from drugml.featurizers import geometry as geometry
from drugml.featurizers import graph as graph
from drugml.featurizers import keys as keys
from drugml.featurizers import mordred as mordred
from drugml.featurizers import morgan as morgan
from drugml.featurizers import skfp as skfp
from drugml.featurizers.featurizer import DESCRIPTORS as DESCRIPTORS
from drugml.featurizers.featurizer import FEATURIZERS as FEATURIZERS

implement("drugml.featurizers")
implement("drugml.descriptors")

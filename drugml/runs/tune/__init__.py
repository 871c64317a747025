"""`tune`: a search over models, featurizers and hyper-parameters."""

from drugml.runs.tune.tune import Tuned as Tuned
from drugml.runs.tune.tune import tune as tune

"""Train, validation and test folds. Importing this package registers every splitter."""

from drugml.data.splits import chance as chance
from drugml.data.splits import cluster as cluster
from drugml.data.splits import column as column
from drugml.data.splits import diverse as diverse
from drugml.data.splits import given as given
from drugml.data.splits import scaffold as scaffold
from drugml.data.splits.plan import FOLDS as FOLDS
from drugml.data.splits.plan import SPLITTERS as SPLITTERS
from drugml.data.splits.plan import Fold as Fold
from drugml.data.splits.plan import Molecules as Molecules
from drugml.data.splits.plan import SplitPlan as SplitPlan
from drugml.data.splits.plan import folds as folds
from drugml.data.splits.plan import split as split

"""Train, validation and test folds. Importing this package registers every splitter."""

from drugml.data.splits import chance as chance
from drugml.data.splits import given as given
from drugml.data.splits import scaffold as scaffold
from drugml.data.splits.plan import FOLDS as FOLDS
from drugml.data.splits.plan import SPLITTERS as SPLITTERS
from drugml.data.splits.plan import Fold as Fold
from drugml.data.splits.plan import Molecules as Molecules
from drugml.data.splits.plan import SplitPlan as SplitPlan
from drugml.data.splits.plan import split as split

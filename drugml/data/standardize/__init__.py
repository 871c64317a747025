"""Molecules to standard molecules. Importing this package registers every standardizer."""

from drugml.data.standardize import chembl as chembl
from drugml.data.standardize import fast as fast
from drugml.data.standardize.standardizer import STANDARDIZERS as STANDARDIZERS
from drugml.data.standardize.standardizer import Standard as Standard
from drugml.data.standardize.standardizer import Standardizer as Standardizer

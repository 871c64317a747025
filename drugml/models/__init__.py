"""The model zoo: graph encoders and baselines. Importing this package registers all of them."""

from drugml.config.plugins import implement
from drugml.models import attentivefp as attentivefp
from drugml.models import boosting as boosting
from drugml.models import catboost as catboost
from drugml.models import cmpnn as cmpnn
from drugml.models import constant as constant
from drugml.models import dimenet as dimenet
from drugml.models import dmpnn as dmpnn
from drugml.models import forest as forest
from drugml.models import gat as gat
from drugml.models import gatedgcn as gatedgcn
from drugml.models import gcn as gcn
from drugml.models import gine as gine
from drugml.models import gp as gp
from drugml.models import gps as gps
from drugml.models import graphormer as graphormer
from drugml.models import knn as knn
from drugml.models import lightgbm as lightgbm
from drugml.models import mlp as mlp
from drugml.models import mpnn as mpnn
from drugml.models import painn as painn
from drugml.models import pna as pna
from drugml.models import schnet as schnet
from drugml.models import svm as svm
from drugml.models import visnet as visnet
from drugml.models import xgboost as xgboost
from drugml.models.baseline import BASELINES as BASELINES
from drugml.models.encoder import ENCODERS as ENCODERS

implement("drugml.models")

"""`predict`: any model references and any molecule files in, the same rows in the same order out."""

from drugml.runs.predict.models import open_model as open_model
from drugml.runs.predict.report import Report as Report
from drugml.runs.predict.stream import predict as predict

"""What is learned: losses, scaling and metrics. Knows nothing of models."""

from drugml.tasks import classification as classification
from drugml.tasks import regression as regression
from drugml.tasks.task import TASKS as TASKS

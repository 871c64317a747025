"""MLflow: the run, its model and its versions. Besides the command line, the only place that knows of MLflow."""

import os

# before MLflow is imported anywhere: nothing about a user's work leaves the machine unasked
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
os.environ.setdefault("MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING", "false")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# the UI would start a handful of processes more, for judging language models
os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")

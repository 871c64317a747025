"""Train, compare, register and use molecular property predictors."""

__version__ = "0.1.0"

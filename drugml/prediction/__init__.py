"""A trained thing: the Predictor and its bundle on disk. Needs no Lightning and no MLflow."""

"""Predictors from data: Lightning module, batches, callbacks, and the fit of one model."""

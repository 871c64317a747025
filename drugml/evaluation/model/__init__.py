"""The card of a model: what it is, what was measured, and what is unknown."""

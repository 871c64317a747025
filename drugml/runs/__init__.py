"""The verbs: train, resume, predict, init. The only place that wires everything."""

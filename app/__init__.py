"""The service: reads a baked model and answers /predict; knows nothing of training."""

__version__ = "0.1.0"

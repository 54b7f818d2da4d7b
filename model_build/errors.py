"""The errors that stop a bake; the command line prints the sentence and exits with 1."""


class BuildError(Exception):
    """Base of all errors that a user of the training script can cause or meet."""


class SpecError(BuildError):
    """The model spec is invalid; the sentence names the file, the key and the allowed values."""


class SourceError(BuildError):
    """A data source could not be read; another source may still answer."""


class DataError(BuildError):
    """The data were read but violate the spec."""


class GateError(BuildError):
    """The model failed a gate of the spec, so it is not baked."""


class ExportError(BuildError):
    """The model can't be converted to ONNX, so it can't be served."""

"""What can go wrong in a bake; the command line prints the sentence and exits with 1."""


class BuildError(Exception):
    """Base of every error that a user of the training script can cause or meet."""


class SpecError(BuildError):
    """The model spec has a mistake; the sentence names the file, the key and what is allowed."""


class SourceError(BuildError):
    """One data source could not be read; another one may still answer."""


class DataError(BuildError):
    """The data are there but are not what the spec says."""


class GateError(BuildError):
    """The model was trained but a gate of the spec keeps it from being baked."""

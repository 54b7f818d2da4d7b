"""The errors of the benchmark."""


class BenchmarkError(Exception):
    """The benchmark cannot go on; the command prints the sentence and ends with exit code 1."""


class NoAnswerError(BenchmarkError):
    """A run ended before the first answer: on this machine, the server is too slow for the workload."""

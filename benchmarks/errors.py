"""The errors of the benchmark."""


class BenchmarkError(Exception):
    """The benchmark can't go on; the sentence goes to the terminal, the exit code is 1."""


class RefusedError(BenchmarkError):
    """A run with a failed request says nothing about speed, so it is never reported."""


class SkippedError(BenchmarkError):
    """One server or workload can't be measured here; the sentence says why, and the rest goes on."""

"""fairness.json: the rates of the groups of protected features."""

from model_build.artifacts import Artifact, Interval


class Group(Artifact):
    level: str
    rows: int
    support: dict[str, int]
    """The number of rows that each rate is a share of."""
    selection_rate: Interval
    true_positive_rate: Interval | None
    false_positive_rate: Interval | None
    false_negative_rate: Interval | None
    disparities: dict[str, Interval]
    """FAIRNESS_METRICS: this group's rate minus the reference group's, or divided by it.

    Empty for the reference group itself. A ratio to a rate of 0 is left out.
    """
    four_fifths: bool
    """Whether the selection rate is 80 % to 125 % of the reference group's."""


class Protected(Artifact):
    feature: str
    reference: str
    groups: tuple[Group, ...]
    label: str | None = None
    """The label that counts as selected, against all others; None if the target has a positive one."""


class Fairness(Artifact):
    """fairness.json: the groups of protected features, and of more than two labels for each label."""

    protected: tuple[Protected, ...]

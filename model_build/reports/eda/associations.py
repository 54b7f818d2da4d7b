"""How strongly columns go together, each pair by the measure that their types allow."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, entropy
from scipy.stats.contingency import crosstab
from sklearn.metrics import mutual_info_score

from model_build.reports.eda.profile import ColumnProfile

MEASURES = {2: "Spearman's rank correlation", 1: "correlation ratio (ε)", 0: "Cramér's V"}
"""By how many of the two columns are numbers."""


def compute_associations(columns: tuple[ColumnProfile, ...]) -> pd.DataFrame:
    """Return the association of every pair of columns, over the rows in which both are known.

    Spearman's lies in -1 to 1, the others in 0 to 1. A column of one value goes with nothing: NaN.
    """
    names = [column.name for column in columns]
    found = pd.DataFrame(np.eye(len(columns)), names, names)
    numbers = [column.name for column in columns if column.is_number]
    ranks = pd.DataFrame({column.name: column.values for column in columns if column.is_number})
    found.loc[numbers, numbers] = ranks.corr("spearman")
    for one, other in combinations(columns, 2):
        if not (one.is_number and other.is_number):
            found.loc[one.name, other.name] = found.loc[other.name, one.name] = _association(one, other)
    return found


def measure_names(one: ColumnProfile, other: ColumnProfile) -> str:
    return MEASURES[one.is_number + other.is_number]


def information(column: ColumnProfile, target: ColumnProfile) -> float:
    """Return the mutual information of two columns, as a share of the target's entropy; NaN if that is 0.

    Numbers are taken in bands, and a missing value is a level of its own.
    """
    labels = target.known
    if labels.nunique() <= 1:
        return float("nan")
    levels = column.bands.reindex(labels.index) if column.is_number else column.values[labels.index].cat.codes
    shared = mutual_info_score(labels.cat.codes, levels.fillna(-1))
    return float(shared / entropy(labels.value_counts()))


def _association(one: ColumnProfile, other: ColumnProfile) -> float:
    if one.is_number:
        return correlation_ratio(other.values, one.values)
    return (
        correlation_ratio(one.values, other.values)
        if other.is_number
        else cramers_v(one.values, other.values)
    )


def correlation_ratio(levels: pd.Series, values: pd.Series) -> float:
    """Return ε, the correlation ratio η corrected for its bias (Kelley 1935); SciPy has neither.

    η² is the share of the variance of `values` that lies between the levels; of many levels with few rows
    each it is large by chance. NaN if every level has one row only.
    """
    known = levels.notna() & values.notna()
    groups = values[known].groupby(levels[known], observed=True)
    if len(groups) in {1, known.sum()} or values[known].nunique() <= 1:  # equal floats may vary a little
        return float("nan")
    within = groups.var(ddof=0).dot(groups.size()) / (known.sum() - len(groups))
    return float(np.sqrt(max(0.0, 1 - within / values[known].var())))


def cramers_v(one: pd.Series, other: pd.Series) -> float:
    """Return Cramér's V, corrected for its bias (Bergsma 2013); SciPy has only the plain one."""
    known = one.notna() & other.notna()
    counts = crosstab(one[known].cat.codes, other[known].cat.codes).count
    (rows, columns), n = counts.shape, known.sum()
    if min(rows, columns) <= 1:
        return float("nan")
    phi2 = chi2_contingency(counts, correction=False).statistic / n
    excess = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    sides = [side - (side - 1) ** 2 / (n - 1) for side in (rows, columns)]
    return float(np.sqrt(excess / (min(sides) - 1))) if min(sides) > 1 else float("nan")

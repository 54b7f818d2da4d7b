"""The strength of association between columns; the types of a pair decide on the measure."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, entropy
from sklearn.metrics import mutual_info_score

from model_build.reports.eda.profile import ColumnProfile

MEASURES = {2: "Spearman's rank correlation", 1: "correlation ratio (ε)", 0: "Cramér's V"}
"""By the count of numbers in the pair."""


def compute_associations(columns: tuple[ColumnProfile, ...]) -> pd.DataFrame:
    """Return the association of every pair of columns, over the rows in which both are known.

    Spearman's lies in -1 to 1, the others in 0 to 1. It is NaN where a column has only one value.
    """
    names = [column.name for column in columns]
    associations = pd.DataFrame(np.eye(len(columns)), names, names)
    numbers = [column.name for column in columns if column.is_number]
    values = pd.DataFrame({column.name: column.values for column in columns if column.is_number})
    associations.loc[numbers, numbers] = values.corr("spearman")
    for first, second in combinations(columns, 2):
        if not (first.is_number and second.is_number):
            association = _association(first, second)
            associations.loc[first.name, second.name] = association
            associations.loc[second.name, first.name] = association
    return associations


def measure_name(first: ColumnProfile, second: ColumnProfile) -> str:
    return MEASURES[first.is_number + second.is_number]


def information_share(column: ColumnProfile, target: ColumnProfile) -> float:
    """Return the mutual information of a column and the target, as a share of the target's entropy.

    Numbers are taken in bands, and missing values are a level of their own. NaN if the entropy is 0.
    """
    labels = target.known
    if labels.nunique() <= 1:
        return float("nan")
    levels = column.bands.reindex(labels.index) if column.is_number else column.values[labels.index].cat.codes
    shared = mutual_info_score(labels.cat.codes, levels.fillna(-1))
    return float(shared / entropy(labels.value_counts()))


def _association(first: ColumnProfile, second: ColumnProfile) -> float:
    """Return the association of two columns of which at most one is a number."""
    if first.is_number:
        return correlation_ratio(second.values, first.values)
    if second.is_number:
        return correlation_ratio(first.values, second.values)
    return cramers_v(first.values, second.values)


def correlation_ratio(levels: pd.Series, values: pd.Series) -> float:
    """Return ε, the correlation ratio η corrected for its bias (Kelley 1935); SciPy has neither.

    η² is the share of the variance of `values` that lies between the levels. Chance makes it large if there
    are many levels with few rows. NaN if every level has only one row.
    """
    known = levels.notna() & values.notna()
    groups = values[known].groupby(levels[known], observed=True)
    if len(groups) in {1, known.sum()} or values[known].nunique() <= 1:  # equal floats may vary a little
        return float("nan")
    within = groups.var(ddof=0).dot(groups.size()) / (known.sum() - len(groups))
    return float(np.sqrt(max(0.0, 1 - within / values[known].var())))


def cramers_v(first: pd.Series, second: pd.Series) -> float:
    """Return Cramér's V, corrected for its bias (Bergsma 2013); SciPy has only the uncorrected one."""
    codes, sizes = (
        (first.cat.codes, second.cat.codes),
        (len(first.cat.categories), len(second.cat.categories)),
    )
    known = (codes[0] >= 0) & (codes[1] >= 0)
    cells = np.ravel_multi_index([column[known] for column in codes], sizes)
    counts = np.bincount(cells, minlength=math.prod(sizes)).reshape(sizes)
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    (rows, columns), n = counts.shape, known.sum()
    if min(rows, columns) <= 1:
        return float("nan")
    phi2 = chi2_contingency(counts, correction=False).statistic / n
    excess = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    sides = [side - (side - 1) ** 2 / (n - 1) for side in (rows, columns)]
    return float(np.sqrt(excess / (min(sides) - 1))) if min(sides) > 1 else float("nan")

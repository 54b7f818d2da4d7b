"""Whether the data are distributed as a reference is: numbers, categories, and how many values are missing.

With many rows any difference is certain, so a violation must be large as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, ks_2samp
from scipy.stats.contingency import expected_freq

from model_build.artifacts import Violation
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import Reference
from model_build.text import format_value, join_first
from model_build.validation.schema import typed_columns

CHECKS = ("kolmogorov_smirnov", "chi_squared", "missing_rates")

LEAST_EXPECTED = 5  # rows of a category on either side, or the chi-squared distribution does not hold
LEAST_SHOWN = 1e-4  # of a p-value
RARE = "a rare category"
TWO_SAMPLES = 2


@dataclass(frozen=True)
class _Shift:
    """How far one column is from the reference; `size` does not grow with the number of rows."""

    check: str
    column: str
    figures: str
    effect: str
    size: float
    smallest: float
    statistic: float
    p_value: float


def find_drift(
    spec: ModelSpec, how: Reference, frame: pd.DataFrame, now: pd.DataFrame, reference: pd.DataFrame
) -> list[Violation]:
    """Return the shifts, of the features and the target, that are both certain and large.

    `now` is the frame as `typed` returns it. The chance of a false alarm is shared among all tests
    (Bonferroni). A column without values on either side is not tested: that is a finding if the reference has
    cells there, and none that fits the spec.
    """
    before = typed_columns(spec, reference)
    tests = [*_distributions(how, now, before), *_missing_rates(how, frame, reference)]
    found = [
        _finding(how, test)
        for test in tests
        if test.p_value < how.alpha / len(tests) and test.size >= test.smallest
    ]
    return [*_untested(how, before, reference), *found]


def _untested(how: Reference, before: pd.DataFrame, reference: pd.DataFrame) -> Iterator[Violation]:
    for name in before:
        cells = reference[name].dropna().unique()
        if not len(cells) or before[name].notna().any():
            continue
        yield Violation(
            check="chi_squared" if _is_category(before[name]) else "kolmogorov_smirnov",
            severity=how.severity,
            column=name,
            sentence=(
                f"{name}: could not be compared, because the spec allows no cell of the reference "
                f"({join_first(map(format_value, cells), len(cells))})"
            ),
        )


def _is_category(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype)


def _distributions(how: Reference, now: pd.DataFrame, before: pd.DataFrame) -> Iterator[_Shift]:
    for name in now:
        values, others = now[name].dropna(), before[name].dropna()
        if not len(values) or not len(others):
            continue
        test = _categories if _is_category(values) else _numbers
        yield from test(name, values, others, how.minimum_shift)


def _numbers(name: str, now: pd.Series, before: pd.Series, smallest: float) -> Iterator[_Shift]:
    found = ks_2samp(now, before, method="asymp")
    at = found.statistic_location
    yield _Shift(
        check="kolmogorov_smirnov",
        column=name,
        figures=_against((now <= at).mean(), (before <= at).mean(), f"at most {at:.7g}"),
        effect="Kolmogorov-Smirnov's D",
        size=float(found.statistic),
        smallest=smallest,
        statistic=float(found.statistic),
        p_value=float(found.pvalue),
    )


def _categories(name: str, now: pd.Series, before: pd.Series, smallest: float) -> Iterator[_Shift]:
    """Compare by chi-squared; nothing if all rows have one category, or few rows have any other.

    Cramér's V is that of the shares, as if both samples had as many rows: of the counts it would shrink
    with the smaller sample.
    """
    samples = {"now": now.value_counts(sort=False), "before": before.value_counts(sort=False)}
    counts = _pooled(pd.DataFrame(samples))
    if len(counts) < TWO_SAMPLES:
        return
    found = chi2_contingency(counts, correction=False)
    shares = counts / counts.sum()
    most = int((shares["now"] - shares["before"]).abs().round(6).argmax())  # of equal ones, the rarest
    yield _Shift(
        check="chi_squared",
        column=name,
        figures=_against(shares["now"].iloc[most], shares["before"].iloc[most], shares.index[most]),
        effect="Cramér's V",
        size=float(np.sqrt(chi2_contingency(shares, correction=False).statistic / TWO_SAMPLES)),
        smallest=smallest,
        statistic=float(found.statistic),
        p_value=float(found.pvalue),
    )


def _pooled(counts: pd.DataFrame) -> pd.DataFrame:
    """Return counts [categories, samples] with the rarest as one category, as common as the test needs."""
    counts = counts.set_axis(
        [format_value(each) for each in counts.index]
    )  # two long ones may be shown alike
    counts = counts.iloc[np.argsort(counts.sum(axis=1), kind="stable")]
    counts = counts[counts.any(axis=1).to_numpy()]
    expected = expected_freq(counts).min(axis=1)
    rare = int((expected < LEAST_EXPECTED).sum())
    if not rare:
        return counts
    rare += expected[:rare].sum() < LEAST_EXPECTED
    return pd.concat([counts[:rare].sum().to_frame(RARE).T, counts[rare:]])


def _missing_rates(how: Reference, frame: pd.DataFrame, reference: pd.DataFrame) -> Iterator[_Shift]:
    """Compare two shares, unless nothing or everything is missing; the z-test's square is chi-squared."""
    for name in frame:
        now, before = frame[name].isna(), reference[name].isna()
        counts = [[each.sum(), len(each) - each.sum()] for each in (now, before)]
        if not np.any(counts, axis=0).all():
            continue
        found = chi2_contingency(counts, correction=False)
        yield _Shift(
            check="missing_rates",
            column=name,
            figures=_against(now.mean(), before.mean(), "missing"),
            effect="a difference",
            size=float(abs(now.mean() - before.mean())),
            smallest=how.minimum_missing_shift,
            statistic=float(found.statistic),
            p_value=float(found.pvalue),
        )


def _against(now: float, before: float, what: str) -> str:
    return f"{100 * now:.1f} % are {what}, {100 * before:.1f} % in the reference"


def _finding(how: Reference, shift: _Shift) -> Violation:
    exactly = shift.p_value >= LEAST_SHOWN
    p_value = f"p {shift.p_value:.4f}" if exactly else f"p < {LEAST_SHOWN:.4f}"
    return Violation(
        check=shift.check,
        severity=how.severity,
        column=shift.column,
        sentence=(
            f"{shift.column}: {shift.figures} "
            f"({shift.effect} of {shift.size:.3f}, {p_value}; below {shift.smallest:g} is allowed)"
        ),
        statistic=shift.statistic,
        p_value=shift.p_value,
    )

"""Drift of the data from a reference: numbers, categories, and the shares of missing values.

With many rows every difference is significant, so a violation must be large as well.
"""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, ks_2samp
from scipy.stats.contingency import expected_freq

from app.core.datetime_feature import DatetimeFeature
from model_build.artifacts import Violation
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import Reference
from model_build.text import format_value, join_first
from model_build.validation.schema import typed_columns

CHECKS = ("kolmogorov_smirnov", "chi_squared", "missing_rates")

MINIMUM_EXPECTED = 5  # rows of a category in each sample; with fewer, the chi-squared distribution is wrong
MINIMUM_P_SHOWN = 1e-4
RARE = "a rare category"
TWO_SAMPLES = 2


@dataclass(frozen=True)
class _Shift:
    """The difference of a column from the reference; its effect size does not grow with the rows."""

    check: str
    column: str
    comparison: str
    effect: str
    effect_size: float
    minimum: float
    statistic: float
    p_value: float


def find_drift(
    spec: ModelSpec, config: Reference, frame: pd.DataFrame, typed: pd.DataFrame, reference: pd.DataFrame
) -> list[Violation]:
    """Return the shifts of features and target that are both significant and large.

    `typed` is the frame as `typed_columns` returns it. All tests share the chance of a false alarm
    (Bonferroni). A column without values in either sample is not tested. That is a violation if the reference
    has cells there and all of them are invalid.
    """
    typed_reference = typed_columns(spec, reference)
    dates = {feature.name for feature in spec.features if isinstance(feature, DatetimeFeature)}
    shifts = [
        *_distributions(config, typed, typed_reference, dates),
        *_missing_rates(config, frame, reference),
    ]
    violations = [
        _violation(config, shift)
        for shift in shifts
        if shift.p_value < config.alpha / len(shifts) and shift.effect_size >= shift.minimum
    ]
    return [*_untested(config, typed_reference, reference), *violations]


def _untested(config: Reference, typed: pd.DataFrame, reference: pd.DataFrame) -> Iterator[Violation]:
    for name in typed:
        cells = reference[name].dropna().unique()
        if not len(cells) or typed[name].notna().any():
            continue
        yield Violation(
            check="chi_squared" if _is_categorical(typed[name]) else "kolmogorov_smirnov",
            severity=config.severity,
            column=name,
            sentence=(
                f"{name}: could not be compared, because every value of the reference is invalid "
                f"({join_first(map(format_value, cells), len(cells))})"
            ),
        )


def _is_categorical(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype)


def _distributions(
    config: Reference, current: pd.DataFrame, reference: pd.DataFrame, dates: Container[str]
) -> Iterator[_Shift]:
    for name in current:
        samples = current[name].dropna(), reference[name].dropna()
        if all(map(len, samples)):
            compare = _compare_dates if name in dates else _compare_numbers
            compare = _compare_categories if _is_categorical(current[name]) else compare
            yield from compare(name, *samples, config.minimum_shift)


def _compare_dates(name: str, current: pd.Series, reference: pd.Series, minimum: float) -> Iterator[_Shift]:
    return _compare_numbers(name, current, reference, minimum, _show_date)


def _show_date(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s"))


def _compare_numbers(
    name: str,
    current: pd.Series,
    reference: pd.Series,
    minimum: float,
    show: Callable[[float], str] = "{:.7g}".format,
) -> Iterator[_Shift]:
    test = ks_2samp(current, reference, method="asymp")
    value = test.statistic_location
    yield _Shift(
        check="kolmogorov_smirnov",
        column=name,
        comparison=_compare_shares(
            f"at most {show(value)}", (current <= value).mean(), (reference <= value).mean()
        ),
        effect="Kolmogorov-Smirnov's D",
        effect_size=float(test.statistic),
        minimum=minimum,
        statistic=float(test.statistic),
        p_value=float(test.pvalue),
    )


def _compare_categories(
    name: str, current: pd.Series, reference: pd.Series, minimum: float
) -> Iterator[_Shift]:
    """Compare by chi-squared; yield nothing if all rows have one category, or few rows have any other.

    Cramér's V is computed from the shares, as if both samples had equally many rows. Computed from the
    counts, it would shrink with the smaller sample.
    """
    samples = {"current": current.value_counts(sort=False), "reference": reference.value_counts(sort=False)}
    counts = _pool_rare(pd.DataFrame(samples))
    if len(counts) < TWO_SAMPLES:
        return
    test = chi2_contingency(counts, correction=False)
    shares = counts / counts.sum()
    differences = (shares["current"] - shares["reference"]).abs()
    largest = int(differences.round(6).argmax())  # of equal differences, that of the rarest category
    yield _Shift(
        check="chi_squared",
        column=name,
        comparison=_compare_shares(shares.index[largest], *shares.iloc[largest]),
        effect="Cramér's V",
        effect_size=float(np.sqrt(chi2_contingency(shares, correction=False).statistic / TWO_SAMPLES)),
        minimum=minimum,
        statistic=float(test.statistic),
        p_value=float(test.pvalue),
    )


def _pool_rare(counts: pd.DataFrame) -> pd.DataFrame:
    """Return counts [categories, samples], with the rarest pooled into one that is frequent enough to test.

    The index holds the categories as a sentence shows them, which may be the same for two long ones.
    """
    counts = counts.set_axis([format_value(category) for category in counts.index])
    counts = counts.iloc[np.argsort(counts.sum(axis=1), kind="stable")]
    counts = counts[counts.any(axis=1).to_numpy()]
    expected = expected_freq(counts).min(axis=1)
    rare = int((expected < MINIMUM_EXPECTED).sum())
    if not rare:
        return counts
    rare += expected[:rare].sum() < MINIMUM_EXPECTED
    return pd.concat([counts[:rare].sum().to_frame(RARE).T, counts[rare:]])


def _missing_rates(config: Reference, frame: pd.DataFrame, reference: pd.DataFrame) -> Iterator[_Shift]:
    """Compare shares by chi-squared, the square of the z-test, unless no value or every value is missing."""
    for name in frame:
        missing = frame[name].isna(), reference[name].isna()
        counts = [[sample.sum(), len(sample) - sample.sum()] for sample in missing]
        if not np.any(counts, axis=0).all():
            continue
        test = chi2_contingency(counts, correction=False)
        current_share, reference_share = (sample.mean() for sample in missing)
        yield _Shift(
            check="missing_rates",
            column=name,
            comparison=_compare_shares("missing", current_share, reference_share),
            effect="a difference",
            effect_size=float(abs(current_share - reference_share)),
            minimum=config.minimum_missing_shift,
            statistic=float(test.statistic),
            p_value=float(test.pvalue),
        )


def _compare_shares(description: str, current: float, reference: float) -> str:
    return f"{100 * current:.1f} % are {description}, {100 * reference:.1f} % in the reference"


def _violation(config: Reference, shift: _Shift) -> Violation:
    is_shown = shift.p_value >= MINIMUM_P_SHOWN
    p_value = f"p {shift.p_value:.4f}" if is_shown else f"p < {MINIMUM_P_SHOWN:.4f}"
    return Violation(
        check=shift.check,
        severity=config.severity,
        column=shift.column,
        sentence=(
            f"{shift.column}: {shift.comparison} "
            f"({shift.effect} of {shift.effect_size:.3f}, {p_value}; below {shift.minimum:g} is allowed)"
        ),
        statistic=shift.statistic,
        p_value=shift.p_value,
    )

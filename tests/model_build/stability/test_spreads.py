import pytest

from model_build.stability.document import BoundSpread, GateSpread
from model_build.stability.spreads import Spread, describe_gate, spread, suggest_bound


def test_values_have_a_mean_a_deviation_and_their_ends() -> None:
    assert spread([0.25, 0.75, 0.5]) == Spread(mean=0.5, deviation=0.25, lowest=0.25, highest=0.75)
    assert spread([0.5]) == Spread(mean=0.5, deviation=0, lowest=0.5, highest=0.5)


@pytest.mark.parametrize(
    ("key", "ends", "bound"),
    [
        ("minimum", [0.9141, 0.9184, 0.9162], 0.91),
        ("maximum", [0.2966, 0.2833, 0.2901], 0.305),
        ("minimum", [0.9, 0.9, 0.9003], 0.8998),
        ("maximum_bytes", [326_000, 318_000, 321_000], 332_000),
        ("minimum_probability", [0.9, 0.5, 0.7], 0.2),
        ("tolerance", [0.05, 0.02, 0.03], 0.07),
    ],
)
def test_a_bound_is_a_deviation_beyond_the_worst_end_and_rounded_outward(
    key: str, ends: list[float], bound: float
) -> None:
    assert suggest_bound(key, ends) == bound


@pytest.mark.parametrize(
    ("key", "ends", "bound"),
    [
        ("minimum", [0.01, 0.3], 0),
        ("tolerance", [0.9, 0.2], 1),
        ("tolerance", [0, 0], 0),
        ("minimum", [0.123456789, 0.123456789], 0.123457),
    ],
)
def test_a_bound_stays_possible(key: str, ends: list[float], bound: float) -> None:
    assert suggest_bound(key, ends) == bound


def test_the_margin_is_one_to_two_deviations() -> None:
    for number in range(1, 400):
        ends = [0.9, 0.9 + number / 4321]
        deviation = spread(ends).deviation
        margin = 0.9 - suggest_bound("minimum", ends)
        assert deviation * (1 - 1e-6) <= margin <= 2 * deviation * (1 + 1e-6) or margin == 0.9


def test_a_gate_is_described_by_its_worst_ends_and_the_failures_with_the_bounds_of_today() -> None:
    gate = GateSpread(
        kind="metric",
        name="brier",
        bounds=(
            BoundSpread(key="minimum", values=(0.1, 0.2, None), ends=(0.09, 0.19, None)),
            BoundSpread(key="maximum", values=(0.1, 0.2, None), ends=(0.11, 0.21, None)),
        ),
        unbounded=(2,),
    )
    assert describe_gate(gate, {"minimum": 0.05, "maximum": 0.3}) == "worst 0.09, worst 0.21, 1 failed"
    assert describe_gate(gate, {"minimum": 0.1, "maximum": 0.2}) == "worst 0.09, worst 0.21, 3 failed"
    parity = GateSpread(kind="parity", name="parity", bounds=(), unbounded=(0,))
    assert describe_gate(parity, {}) == "1 failed"

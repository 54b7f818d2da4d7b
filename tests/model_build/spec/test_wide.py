from tests.model_build.spec.conftest import SpecErrorOf
from tests.support.tiny import TINY


def test_gate_on_slices_of_a_wide_table_names_what_is_to_be_sliced(spec_error: SpecErrorOf) -> None:
    features = "".join(
        f"  - {{name: f{number}, type: number, minimum: 0, maximum: 1, title: F, example: 0.5}}\n"
        for number in range(100)
    )
    gate = "gates: {slices: [{metric: accuracy, minimum: 0.5, features: [f7]}]}\n"
    text = TINY.replace("target:", features + "target:", 1) + gate
    assert "of more than 100 features not all are sliced; name f7 in evaluation.slices.features too" in (
        spec_error(text)
    )

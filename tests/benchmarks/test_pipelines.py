import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from app.core.features import CategoryFeature, Encoder, Feature, IntegerFeature, Missing
from benchmarks import pipelines

FEATURES: tuple[Feature, ...] = (
    IntegerFeature(type="integer", name="age", title="Age", minimum=0, maximum=9, example=1),
    CategoryFeature(
        type="category",
        name="work",
        title="Work",
        categories=("office", "field"),
        missing=Missing(markers=("?",)),
        example="field",
    ),
    IntegerFeature(type="integer", name="hours", title="Hours", minimum=0, maximum=9, example=1),
)
ROWS = [{"age": age, "work": work, "hours": 3} for age in range(5) for work in ("office", "field", "?")]


def test_raw_columns_are_answered_as_their_codes_are() -> None:
    matrix = Encoder(FEATURES)(ROWS)
    labels = (matrix[:, 0] + matrix[:, 1]) % 3
    fitted = make_pipeline(DecisionTreeClassifier(random_state=0)).fit(matrix, labels)
    raw = pipelines.raw(FEATURES, fitted)
    assert np.array_equal(raw.predict(pd.DataFrame(ROWS)), labels)

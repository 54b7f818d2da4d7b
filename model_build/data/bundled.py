"""Tables that scikit-learn brings along, so that a machine without network and files has some."""

from sklearn import datasets

from model_build.data.cell_text import texts_of
from model_build.data.tables import Columns, to_columns

LOADERS = {
    "breast_cancer": datasets.load_breast_cancer,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}
TARGET = "target"


def load_bundled(name: str) -> Columns:
    """Return the features of a table under scikit-learn's names, and the names of the labels as `target`."""
    table = LOADERS[name]()
    columns = [texts_of(column) for column in table.data.T.tolist()]
    labels = [str(table.target_names[position]) for position in table.target]
    return to_columns([*map(str, table.feature_names), TARGET], [*columns, labels])

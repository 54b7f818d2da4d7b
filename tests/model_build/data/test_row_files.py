from pathlib import Path

import pandas as pd
import pytest

from model_build.data.row_files import NUMBERS, compute_rows_checksum, read_rows, read_texts, write_rows


def written(frame: pd.DataFrame, directory: Path) -> pd.DataFrame:
    write_rows(frame, directory / "rows.parquet")
    return read_rows(directory / "rows.parquet")


def test_values_and_row_numbers_are_read_back(tmp_path: Path) -> None:
    values = {
        "number": [1.0, None, 0.1 + 0.2],
        "text": ["a\rb", 'c\r\n"d", e', ""],
        "flag": [True, None, False],
        "nothing": [None, None, None],
    }
    frame = written(pd.DataFrame(values, [3, 1, 1_000_000], dtype=object), tmp_path)
    assert frame.index.tolist() == [3, 1, 1_000_000]
    assert frame.to_dict("list") == values


def test_column_with_several_types_is_read_as_text(tmp_path: Path) -> None:
    frame = written(pd.DataFrame({"age": [39.0, None, "old", True]}, dtype=object), tmp_path)
    assert frame["age"].tolist() == ["39.0", None, "old", "True"]


@pytest.mark.parametrize("name", ["#", "row", "index", "Unnamed: 0", "", NUMBERS, "__index_level_0__"])
def test_no_name_of_a_column_meets_the_row_numbers(tmp_path: Path, name: str) -> None:
    frame = written(pd.DataFrame([["a", "b"]], [7], columns=[name, "other"], dtype=object), tmp_path)
    assert (frame.index.tolist(), list(frame.columns), frame.iloc[0].tolist()) == (
        [7],
        [name, "other"],
        ["a", "b"],
    )


def test_columns_of_one_name_are_kept(tmp_path: Path) -> None:
    frame = written(pd.DataFrame([["a", "b"]], columns=["x", "x"], dtype=object), tmp_path)
    assert (list(frame.columns), frame.iloc[0].tolist()) == (["x", "x"], ["a", "b"])


def test_checksum_is_of_values_and_row_numbers() -> None:
    values = {"age": [39.0, None], "work": ["office", None]}
    frame = pd.DataFrame(values, [1, 2], dtype=object)
    others = (
        pd.DataFrame(values, [1, 3], dtype=object),
        pd.DataFrame(values | {"age": [39.0, 40.0]}, [1, 2], dtype=object),
        frame.iloc[::-1],
    )
    assert compute_rows_checksum(frame) == compute_rows_checksum(pd.DataFrame(values, [1, 2]).astype(object))
    assert len({compute_rows_checksum(rows) for rows in (frame, *others)}) == 4


def test_equal_cells_share_one_value_and_keep_its_sign(tmp_path: Path) -> None:
    cells = [0.1 + 0.2, -0.0, None, 0.0, 0.1 + 0.2, -0.0]
    frame = written(pd.DataFrame({"x": cells, "n": [1, 2, 3, 1, 2, None]}, dtype=object), tmp_path)
    assert list(map(repr, frame["x"])) == list(map(repr, cells))
    assert frame["x"].iloc[0] is frame["x"].iloc[4]
    assert frame["n"].tolist() == [1, 2, 3, 1, 2, None]


def test_texts_are_read_back_without_objects(tmp_path: Path) -> None:
    values = {"a": ["1", "", " x "], "b": ["é", "None", "nan"]}
    write_rows(pd.DataFrame(values, [3, 1, 7]), tmp_path / "rows.parquet")
    frame = read_texts(tmp_path / "rows.parquet")
    assert (frame.to_dict("list"), frame.index.tolist()) == (values, [3, 1, 7])
    assert {str(dtype) for dtype in frame.dtypes} == {"str"}

"""Which file a spec is: by its name in `model_build/specs`, or by its path."""

import os
from collections.abc import Iterable
from pathlib import Path

from model_build.errors import SpecError
from model_build.spec.invalid_key import nearest_name
from model_build.spec.source import Source

SPECS = Path(__file__).parents[1] / "specs"
SUFFIXES = (".yaml", ".yml")
TABLES = (
    ".csv",
    ".tsv",
    ".txt",
    ".data",
    ".parquet",
    ".feather",
    ".arrow",
    ".jsonl",
    ".ndjson",
    ".xlsx",
    ".xls",
)
COMPRESSED = (".gz", ".zst", ".zstd")
MODELS = (".joblib", ".onnx")


def find(name_or_path: str) -> Path:
    """Return the file of a spec; raise SpecError with what may be meant if there is none."""
    path = Path(name_or_path)
    if path.suffix not in SUFFIXES:
        path = SPECS / f"{name_or_path}.yaml"
    if not path.is_file():
        raise SpecError(_describe_missing(name_or_path))
    return path


def stability_path(name_or_path: str) -> Path:
    """Return the file with what `stability` measured, beside that of the spec."""
    return find(name_or_path).with_suffix(".stability.json")


def find_data_directory(name_or_path: str, sources: Iterable[Source]) -> Path:
    """Return DATA_DIR; without it, the directory of the spec if a source is there, and data/ otherwise."""
    if directory := os.environ.get("DATA_DIR"):
        return Path(directory)
    beside = find(name_or_path).parent
    is_beside = any(source.is_in(beside) for source in sources)
    return beside if is_beside else Path("data")


def require_table(path: Path) -> None:
    """Raise SpecError, with what may be meant, for a path that is no file and no pattern of files."""
    if path.suffix in SUFFIXES:
        raise SpecError(f"{path} is a spec, not a table: `python -m model_build bake {path}` bakes it.")
    if path.is_dir():
        raise SpecError(f"{path} is a directory. Name a file in it, or several with '{path}/*.csv'.")
    if not (path.exists() or Source(uri=path.name).is_pattern):
        files = [file.name for file in path.parent.glob("*") if file.suffix in {*TABLES, *COMPRESSED}]
        nearest = nearest_name(path.name, files)
        meant = f" Do you mean {path.with_name(nearest)}?" if nearest else ""
        raise SpecError(f"There is no file {path}.{meant}")


def _describe_missing(text: str) -> str:
    path = Path(text)
    suffix = next((end.lower() for end in reversed(path.suffixes) if end.lower() not in COMPRESSED), "")
    if suffix in TABLES:
        return _describe_table(path)
    if suffix in MODELS:
        return f"{text} is a model, not a spec: `python -m model_build adopt {text} --spec SPEC` bakes it."
    if suffix == ".json" and path.is_file():
        renamed = path.with_suffix(SUFFIXES[0])
        return f"{text}: a spec is a .yaml file. JSON is YAML too, so rename it to {renamed}."
    if path.is_dir():
        specs = ", ".join(str(file) for file in sorted(path.glob("*.y*ml"))) or "none"
        return f"{text} is a directory, not a spec. The .yaml files in it are: {specs}."
    return f"There is no model spec {text!r}{_suggest(path)}. {_list_known()}"


def _describe_table(path: Path) -> str:
    """Name the spec that seems to be the table's, or else the command that writes one."""
    head = f"{path} is a table, not a spec."
    spec = path.with_name(f"{path.name.partition('.')[0]}{SUFFIXES[0]}")
    if spec.is_file():
        return f"{head} Its spec seems to be {spec}."
    return f"{head} `python -m model_build init {path}` writes its spec."


def _suggest(path: Path) -> str:
    """Return ` (did you mean 'churn.yaml'?)` for a spec with this name, or one like it, in its directory."""
    files = [file for suffix in SUFFIXES for file in path.parent.glob(f"*{suffix}")]
    by_stem = {file.stem: str(file) for file in files} | {name: name for name in _known()}
    nearest = nearest_name(path.stem if path.suffix in SUFFIXES else path.name, by_stem)
    return f" (did you mean {by_stem[nearest]!r}?)" if nearest else ""


def _list_known() -> str:
    return f"Give the path of a .yaml file, or one of: {', '.join(_known())}."


def _known() -> list[str]:
    return sorted(spec.stem for spec in SPECS.glob("*.yaml"))

"""The command line of the training script."""

import argparse
import gc
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import get_args

try:
    from model_build.spec.sections import FEWEST_SPLITS, MODEL_NAME
    from model_build.spec.source import SourceMode
    from model_build.spec.split import LARGEST_SEED
except ModuleNotFoundError as error:
    if (error.name or "").startswith(("app.", "model_build.")):
        raise
    sys.exit(f"{error.name} is not installed here. `make serve` installs it in .venv: . .venv/bin/activate")

AUDIT = "measure scores that exist already: metrics, slices and fairness, with intervals"
HELP = {
    "fetch": "get the rows from a file, a download or the synthetic generator",
    "eda": "write a report on the data (eda.html)",
    "preprocess": "clean the values and drop duplicates",
    "check-data": "check the data and report every violation",
    "segregate": "split the rows into training and test rows",
    "train": "cross-validate, calibrate and fit the model, and convert it to ONNX",
    "evaluate": "measure the model on the test rows: overall, by slice and by protected group",
    "baselines": "compare the model with cheap ones: majority, logistic regression, untouched boosting",
    "check-model": "check the gates of the spec, with the code that serves the model",
    "refit": "fit the model again on all rows, if the spec says so, and check it again",
    "card": "write the model card (card.html and card.md)",
    "cross-validate": "compare the model with untouched boosting, fold by fold, on all rows",
    "adopt": "bake a model that is trained already: evaluate and check it, and write its card",
    "bake": "run all stages, and write the directory that the service reads",
    "stability": "measure the model on other splits, and suggest bounds for its gates",
}


INIT = "write the spec of a table: types, ranges, categories, the target, and a gate that holds"
SPEC_SCHEMA = "print the JSON Schema of a spec, which is docs/spec.schema.json"
CHECK_SPEC = "read a spec, and list all its errors with line and column"


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        prog="python -m model_build", description="Train, check and bake a model from its spec."
    )
    commands = arguments.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_init(commands.add_parser("init", help=INIT, description=f"{INIT[0].upper()}{INIT[1:]}."))
    check = commands.add_parser("check-spec", help=CHECK_SPEC, description=f"{CHECK_SPEC.capitalize()}.")
    _add_model_and_spec(check, "check-spec")
    commands.add_parser(
        "spec-schema", help=SPEC_SCHEMA, description=f"{SPEC_SCHEMA[0].upper()}{SPEC_SCHEMA[1:]}."
    )
    _add_audit(commands.add_parser("audit", help=AUDIT, description=f"{AUDIT[0].upper()}{AUDIT[1:]}."))
    for name, text in HELP.items():
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        _add_model_and_spec(command, name)
        command.add_argument(
            "--build",
            type=Path,
            default=Path("build"),
            help="directory of the stages' outputs (default: build)",
        )
        _add_stage_options(command, name)
    _add_bake_options(commands.choices["bake"])
    _add_out(commands.choices["adopt"])
    commands.choices["stability"].add_argument(
        "--seeds", type=_count_of_seeds, default=10, metavar="N", help="number of splits (default: 10)"
    )
    return arguments


def _add_model_and_spec(command: argparse.ArgumentParser, name: str) -> None:
    text = "name of a spec, or path of a .yaml file"
    if name == "adopt":
        command.add_argument(
            "model", type=Path, help="file of the model: .onnx, or .joblib, which can run code"
        )
        command.add_argument("--spec", required=True, help=text)
    else:
        command.add_argument("spec", nargs="?", default="census", help=f"{text} (default: census)")


def _add_init(init: argparse.ArgumentParser) -> None:
    init.add_argument(
        "table",
        help="file of CSV, Parquet, Arrow, JSON lines or Excel, 'several-*.csv' in quotes, or its URL",
    )
    init.add_argument("--target", metavar="COLUMN", help="column to predict (default: asked for, or guessed)")
    init.add_argument("--name", type=_model_name, help="name of the model (default: from the file's name)")
    init.add_argument("--out", type=Path, help="file of the spec (default: beside the table)")
    init.add_argument("--yes", action="store_true", help="take all guesses, and ask nothing")
    init.add_argument("--force", action="store_true", help="replace the file of the spec if it is there")


def _add_audit(audit: argparse.ArgumentParser) -> None:
    audit.add_argument("table", type=Path, help="file of CSV, Parquet, Arrow, JSON lines or Excel")
    audit.add_argument("--score", required=True, metavar="COLUMN", help="column of the scores")
    audit.add_argument("--label", required=True, metavar="COLUMN", help="column of what really happened")
    audit.add_argument("--positive", metavar="LABEL", help="label that a high score means (default: guessed)")
    audit.add_argument(
        "--by",
        required=True,
        type=lambda text: text.split(","),
        metavar="COLUMN[,COLUMN]",
        help="columns whose groups are compared",
    )
    audit.add_argument(
        "--reference",
        action="append",
        default=[],
        type=_reference_group,
        metavar="COLUMN=GROUP",
        help="group that the others are compared with; may be repeated (default: the largest)",
    )
    audit.add_argument(
        "--threshold",
        type=float,
        metavar="T",
        help="score from which on a row counts as positive (default: 0.5, of probabilities)",
    )
    audit.add_argument("--out", type=Path, help="directory of the results (default: that of the file)")


def _reference_group(text: str) -> tuple[str, str]:
    column, _, group = text.partition("=")
    if not column or not group:
        raise argparse.ArgumentTypeError(f"{text!r} must be a column, =, and one of its groups")
    return column, group


def _model_name(text: str) -> str:
    if not re.fullmatch(MODEL_NAME, text):
        name = "-".join(re.findall("[a-z0-9]+", text.lower())) or "my-model"
        raise argparse.ArgumentTypeError(
            f"{text!r} must have lower case, digits and hyphens only, such as {name}"
        )
    return text


def _count_of_seeds(text: str) -> int:
    if not text.isdecimal() or int(text) < FEWEST_SPLITS:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from {FEWEST_SPLITS} on")
    return int(text)


def _add_stage_options(command: argparse.ArgumentParser, name: str) -> None:
    """Add the options of one stage; a bake has those of all stages."""
    if name in {"fetch", "cross-validate", "adopt", "bake", "stability"}:
        command.add_argument(
            "--source",
            choices=get_args(SourceMode),
            default="auto",
            help="real data, synthetic data, or synthetic data if no real data are available (default: auto)",
        )
    if name in {"train", "bake"}:
        command.add_argument(
            "--search",
            action="store_true",
            help="search for better parameters, as training.search of the spec says",
        )
    if name == "cross-validate":
        command.add_argument(
            "--fold-seeds",
            type=_seed,
            nargs="+",
            default=[1, 2, 3],
            help="seeds of the folds; the folds of each are others (default: 1 2 3)",
        )
    if name in {"adopt", "bake"}:
        command.add_argument("--no-eda", action="store_true", help="skip the report on the data")
    if name in {"check-model", "adopt", "bake"}:
        command.add_argument(
            "--deployed",
            metavar="MODEL",
            help="fail if worse than this model: a directory, s3://bucket/prefix or a service's URL",
        )


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"a seed must be from 0 to {LARGEST_SEED}")
    return seed


def _add_bake_options(bake: argparse.ArgumentParser) -> None:
    modes = bake.add_mutually_exclusive_group()
    modes.add_argument(
        "--from-build",
        action="store_true",
        help="run no stage: bake the outputs under --build, as the last stage of dvc.yaml does",
    )
    modes.add_argument(
        "--track",
        action="store_true",
        help="log the bake to MLflow, at MLFLOW_TRACKING_URI or in mlflow.db, and register the model as "
        "candidate; the first version is also the champion",
    )
    modes.add_argument(
        "--from-registry",
        metavar="URI",
        help="run no stage: bake the model registered as models:/NAME@ALIAS or models:/NAME/VERSION",
    )
    _add_out(bake)


def _add_out(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out", type=Path, default=Path("model"), help="directory of the baked model (default: model)"
    )


def main() -> None:
    arguments = parser().parse_args()
    sys.exit(_import_commands().run(arguments))


def _import_commands() -> ModuleType:
    """Import the libraries, which takes seconds, only once the arguments are known to be right.

    They make a million objects that all stay. To look for garbage among them, at the import and at every
    later collection, would take a quarter of the time of the import.
    """
    gc.disable()
    from model_build import commands  # noqa: PLC0415 - see above

    gc.freeze()
    gc.enable()
    return commands


if __name__ == "__main__":
    main()

"""The command line of the training script."""

import argparse
import os
import sys
from pathlib import Path
from typing import get_args

from app.errors import StartupError
from model_build import pipeline, spec
from model_build.data import Wanted
from model_build.errors import BuildError
from model_build.progress import Progress


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m model_build", description="The training script.")
    commands = arguments.add_subparsers(dest="command", required=True, metavar="COMMAND")
    bake = commands.add_parser("bake", help="train, check and export a model that the service can read")
    bake.add_argument("spec", nargs="?", default="census", help="name of a spec, or path of a .yaml file")
    bake.add_argument(
        "--source",
        choices=get_args(Wanted),
        default="auto",
        help="real data, synthetic data, or (auto) synthetic when no real data can be had",
    )
    bake.add_argument("--out", type=Path, default=Path("model"), help="directory of the baked model")
    return arguments


def main() -> None:
    arguments = parser().parse_args()
    progress = Progress()
    try:
        data_directory = Path(os.environ.get("DATA_DIR", "data"))
        pipeline.bake(spec.load(arguments.spec), arguments.source, arguments.out, data_directory, progress)
    except (BuildError, StartupError, OSError) as error:
        progress.fail(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()

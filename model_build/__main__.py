"""The command line of the training script."""

import argparse
import os
import sys
from pathlib import Path
from typing import get_args

from app.core.errors import StartupError
from model_build import pipeline, stage
from model_build.console import Progress
from model_build.errors import BuildError
from model_build.export import package
from model_build.spec import model_spec
from model_build.spec.source import SourceMode
from model_build.stage import Job

INTERRUPTED = 130
"""The exit code that shells give to what Ctrl-C ended."""

HELP = {
    "fetch": "get the rows: a file, a download, or synthetic data",
    "eda": "write a report on the data, to look at",
    "preprocess": "strip, name and read the values; drop duplicates",
    "check-data": "find what is wrong with the data, all at once",
    "segregate": "set the test rows aside",
    "train": "cross-validate, calibrate, fit and convert",
    "evaluate": "score the test rows: overall, by slice and by protected group",
    "check-model": "hold the model to its gates and promises, through the code that serves",
    "card": "write the model card",
    "bake": "all of these, and then the directory that the service reads",
}


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m model_build", description="The training script.")
    commands = arguments.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in HELP.items():
        command = commands.add_parser(name, help=text, description=text.capitalize() + ".")
        command.add_argument(
            "spec", nargs="?", default="census", help="name of a spec, or path of a .yaml file"
        )
        command.add_argument(
            "--build", type=Path, default=Path("build"), help="where the stages leave their results, by model"
        )
        if name in {"fetch", "bake"}:
            command.add_argument(
                "--source",
                choices=get_args(SourceMode),
                default="auto",
                help="real data, synthetic data, or (auto) synthetic when no real data can be had",
            )
        if name in {"train", "bake"}:
            command.add_argument(
                "--search", action="store_true", help="look for better parameters, as training.search says"
            )
        if name in {"check-model", "bake"}:
            command.add_argument(
                "--deployed",
                metavar="PLACE",
                help="the model not to be worse than: a directory, s3://bucket/prefix, or a service's URL",
            )
    _add_kinds_of_bake(commands.choices["bake"])
    return arguments


def _add_kinds_of_bake(bake: argparse.ArgumentParser) -> None:
    kinds = bake.add_mutually_exclusive_group()
    kinds.add_argument(
        "--from-build",
        action="store_true",
        help="train nothing: bake what the stages left under --build, as the last stage of dvc.yaml does",
    )
    kinds.add_argument(
        "--track",
        action="store_true",
        help="keep the bake as a run of MLflow, at MLFLOW_TRACKING_URI or in mlflow.db, and register the "
        "model as candidate; the first one is the champion too",
    )
    kinds.add_argument(
        "--from-registry",
        metavar="URI",
        help="train nothing: bake the model registered as models:/NAME@ALIAS or models:/NAME/VERSION",
    )
    bake.add_argument("--out", type=Path, default=Path("model"), help="directory of the baked model")


def main() -> None:
    arguments = parser().parse_args()
    progress = Progress()
    try:
        job = _job(arguments, progress)
        with stage.lock_build(job):
            if arguments.command == "bake":
                _bake(job, arguments)
            else:
                pipeline.run(arguments.command, job)
    except (BuildError, StartupError, OSError) as error:
        progress.fail(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        progress.fail("Stopped. The same command goes on where it was.")
        sys.exit(INTERRUPTED)


def _bake(job: Job, arguments: argparse.Namespace) -> None:
    if arguments.from_build:
        package.package_model(job, arguments.out)
        return
    if not (arguments.track or arguments.from_registry):
        pipeline.bake(job, arguments.out)
        return
    from model_build.tracking import registry  # noqa: PLC0415 - only who asks for it needs MLflow

    if arguments.from_registry:
        registry.restore_model(job, arguments.from_registry, arguments.out)
    else:
        pipeline.bake(job, arguments.out, registry.track_bake(job, pipeline.STAGES, arguments.out))


def _job(arguments: argparse.Namespace, progress: Progress) -> Job:
    found = model_spec.load(arguments.spec)
    return Job(
        spec=found,
        directory=arguments.build / found.name,
        data_directory=Path(os.environ.get("DATA_DIR", "data")),
        progress=progress,
        source_mode=getattr(arguments, "source", "auto"),
        search=getattr(arguments, "search", False),
        deployed=getattr(arguments, "deployed", None),
        spec_argument=arguments.spec,
    )


if __name__ == "__main__":
    main()

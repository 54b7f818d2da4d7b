"""What the commands of the command line do."""

import argparse
import re
import sys
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from app.core.errors import StartupError
from model_build import cross_validate, pipeline, stage
from model_build.audit.command import run_audit
from model_build.audit.scored_table import Question
from model_build.console import Progress
from model_build.data.sources import download_file
from model_build.drafting import draft, questions
from model_build.drafting.table import Location
from model_build.errors import BuildError, SpecError
from model_build.export import package
from model_build.spec import json_schema, model_spec, spec_files, summary
from model_build.stability.measure import measure_stability
from model_build.stage import Job
from model_build.text import pluralize

INTERRUPTED = 130
"""The exit code that shells use after Ctrl-C."""


def run(arguments: argparse.Namespace) -> int:
    """Run a command with its arguments as `parser` of `model_build.__main__` returns them.

    Returns:
        The exit code: 0, or 1 after an error in one sentence, or INTERRUPTED.
    """
    progress = Progress()
    try:
        if arguments.command in WITHOUT_A_BUILD:
            WITHOUT_A_BUILD[arguments.command](arguments, progress)
            return 0
        job = _job(arguments, progress)
        with stage.lock_build(job):
            if arguments.command == "bake":
                _bake(job, arguments)
            elif arguments.command == "adopt":
                _adopt(job, arguments)
            elif arguments.command == "cross-validate":
                cross_validate.compare_models(job, list(dict.fromkeys(arguments.fold_seeds)))
            elif arguments.command == "stability":
                path = spec_files.stability_path(arguments.spec)
                pipeline.run_before("segregate", job)
                measure_stability(job, arguments.seeds, path)
            else:
                pipeline.run(arguments.command, job)
    except (BuildError, StartupError, OSError) as error:
        progress.fail(str(error))
        return 1
    except KeyboardInterrupt:
        progress.fail("Stopped. The same command continues from here.")
        return INTERRUPTED
    return 0


def _init(arguments: argparse.Namespace, progress: Progress) -> None:
    is_remote = bool(urlsplit(arguments.table).scheme)
    table = Path(PurePosixPath(urlsplit(arguments.table).path).name if is_remote else arguments.table)
    if not is_remote:
        spec_files.require_table(table)
    out: Path = arguments.out or table.with_name(re.sub("[-_.]*[*?]+[-_.]*", "", table.stem) + ".yaml")
    if out.exists() and not arguments.force:
        raise SpecError(f"{out} is there already; --force replaces it, and --out PATH writes another file.")
    is_asked = sys.stdin.isatty() and not arguments.yes
    ask = questions.ask_at_terminal if is_asked else questions.take_guess
    name = arguments.name or draft.to_model_name(table.stem)
    if is_remote:
        location = Location(download_file(arguments.table, out.parent), out.parent)
    else:
        location = Location.of(table)
    spec = draft.draft_spec(location, out, name, arguments.target, ask, progress)
    progress.say(f"{out} has {pluralize(len(spec.features), 'feature')}. Next:")
    for command in draft.next_commands(spec, out):
        progress.say(f"  {command}")


def _audit(arguments: argparse.Namespace, progress: Progress) -> None:
    question = Question(
        score=arguments.score,
        label=arguments.label,
        by=arguments.by,
        positive=arguments.positive,
        threshold=arguments.threshold,
        references=dict(arguments.reference),
    )
    run_audit(arguments.table, question, arguments.out or arguments.table.parent, progress)


def _check_spec(arguments: argparse.Namespace, progress: Progress) -> None:
    path = spec_files.find(arguments.spec)
    spec = model_spec.load(arguments.spec)
    progress.succeed(f"{path}: {summary.summarize(spec)}")
    for remark in summary.list_remarks(
        spec, path, spec_files.find_data_directory(arguments.spec, spec.sources)
    ):
        progress.warn(f"  {remark}")


def _print_schema(_: argparse.Namespace, __: Progress) -> None:
    sys.stdout.write(json_schema.render_schema())


WITHOUT_A_BUILD = {
    "audit": _audit,
    "check-spec": _check_spec,
    "init": _init,
    "spec-schema": _print_schema,
}
"""The commands that leave nothing in a build directory."""


def _bake(job: Job, arguments: argparse.Namespace) -> None:
    if arguments.from_build:
        package.package_model(job, arguments.out)
        return
    if not (arguments.track or arguments.from_registry):
        pipeline.bake(job, arguments.out)
        return
    # Only these two options need MLflow.
    from model_build.tracking import environment  # noqa: PLC0415 - see above

    environment.prepare_mlflow()
    from model_build.tracking import registry  # noqa: PLC0415 - see above

    if arguments.from_registry:
        registry.restore_model(job, arguments.from_registry, arguments.out)
    else:
        pipeline.bake(
            job, arguments.out, registry.track_bake(job, pipeline.stages_of_bake(job), arguments.out)
        )


def _adopt(job: Job, arguments: argparse.Namespace) -> None:
    if not arguments.model.is_file():
        raise BuildError(f"There is no model {arguments.model}.")
    pipeline.bake(job, arguments.out)


def _job(arguments: argparse.Namespace, progress: Progress) -> Job:
    spec = model_spec.load(arguments.spec)
    return Job(
        spec=spec,
        directory=arguments.build / spec.name,
        data_directory=spec_files.find_data_directory(arguments.spec, spec.sources),
        progress=progress,
        source_mode=getattr(arguments, "source", "auto"),
        search=getattr(arguments, "search", False),
        deployed=getattr(arguments, "deployed", None),
        adopted=getattr(arguments, "model", None),
        skips_eda=getattr(arguments, "no_eda", False),
        spec_argument=arguments.spec,
    )

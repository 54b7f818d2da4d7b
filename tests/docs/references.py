"""What a page refers to and does not exist. Each function returns the wrong references of a text."""

import re
import shlex
from contextlib import redirect_stderr
from functools import cache
from io import StringIO
from pathlib import Path

from app.core.contract import CONTRACT_FILE, MODEL_FILE
from app.settings import Settings
from model_build.__main__ import parser
from model_build.cross_validate import RESULTS
from model_build.export.package import BAKED, EVALUATED_FILE
from model_build.pipeline import STAGES
from tests.docs.markdown import ASSIGNMENT, ROOT, anchors, commands, read, shell_lines, spans

CODE = (".ci", ".github", "app", "benchmarks", "data", "docs", "examples", "infra", "model_build", "tests")
MADE = {
    *(name for stage in STAGES for name in stage.outputs),
    RESULTS,
    *(f"model/{name}" for name in (CONTRACT_FILE, MODEL_FILE, EVALUATED_FILE, *BAKED)),
    CONTRACT_FILE,
    MODEL_FILE,
    EVALUATED_FILE,
    "model/",
    "model.joblib",
    "build/",
    "build/sbom.cdx.json",
    "build/census-income/",
    "scores-audit.json",
    "scores-audit.md",
    "mlflow.db",
    "mlruns/",
    "dvc.lock",
    "results/quick/",
    ".venvs/",
}
"""Files and directories that the commands on the pages make."""
BROUGHT = {
    "adult.data",
    "ca.pem",
    "car.data",
    "churn.csv",
    "churn.yaml",
    "ObesityDataSet_raw_and_data_sinthetic.csv",
    "parts/",
    "pip.conf",
    "raisin.csv",
    "scores.csv",
}
"""Files that the reader brings."""
PLACEHOLDER = re.compile(r"(?:.*/)?NAME\.(?:stability\.json|yaml)")
LEFT_OUT = {"__pycache__", ".venvs", "docs"}
SUFFIXES = "cfg|conf|csv|data|db|html|ipynb|joblib|js|json|lock|lua|md|onnx|pem|py|sh|svg|toml|txt|yaml|yml"
PATH = re.compile(rf"(?:\./)?(?:[\w.-]+/)*(?:[\w.-]+\.(?:{SUFFIXES})|[\w.-]+/)")
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
TRAINING = ["python", "-m", "model_build"]


def unknown_make_targets(text: str) -> list[str]:
    known = make_targets()
    named = [word for command in commands(text) if command[0] == "make" for word in command[1:]]
    return [target for target in named if target not in known and not ASSIGNMENT.fullmatch(target)]


def make_targets() -> set[str]:
    return set(read("Makefile").split(".PHONY: ", 1)[1].splitlines()[0].split())


def wrong_training_commands(text: str) -> list[str]:
    """Return the arguments that the training script's own parser refuses."""
    calls = [command[3:] for command in commands(text) if command[:3] == TRAINING]
    return [" ".join(arguments) for arguments in calls if arguments and not _is_accepted(arguments)]


def _is_accepted(arguments: list[str]) -> bool:
    try:
        with redirect_stderr(StringIO()):
            parser().parse_args(arguments)
    except SystemExit:
        return False
    return True


def missing_programs(text: str) -> list[str]:
    """Return the modules and files that `python` is told to run and that are not there."""
    calls = [command[1:] for command in commands(text) if command[0] == "python" and len(command) > 1]
    programs = [words[:2] if words[0] == "-m" else words[:1] for words in calls]
    return [program[-1] for program in programs if not _runs(program)]


def _runs(program: list[str]) -> bool:
    if program[0] != "-m":
        return (ROOT / program[0]).is_file()
    path = ROOT / program[-1].replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def wrong_scripts(text: str) -> list[str]:
    """Return the scripts that are not there or can't be run, and the options that a script does not know."""
    wrong = []
    for name, *arguments in commands(text):
        if not re.fullmatch(r"(?:\./)?(?:[\w.-]+/)*[\w-]+\.sh", name):
            continue
        script = ROOT / name
        if not script.is_file() or not script.stat().st_mode & 0o100:
            wrong.append(name)
            continue
        options = [word.partition("=")[0] for word in arguments if word.startswith("--")]
        wrong += [f"{name} {option}" for option in options if option not in script.read_text()]
    return wrong


def broken_links(text: str, page: Path) -> list[str]:
    """Return links to files that are not there, and to headings that the linked page does not have."""
    return [link for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text) if not _leads(link, text, page)]


def _leads(link: str, text: str, page: Path) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target.read_text() if name else text)


def unknown_paths(text: str, page: Path) -> list[str]:
    """Return files and directories that are neither there, nor made by a command, nor the reader's own."""
    words = [word for span in spans(text) for word in span.split()]
    words += [word for line in shell_lines(text) for word in shlex.split(line, comments=True)]
    paths = [word.removeprefix("./") for word in words if PATH.fullmatch(word)]
    return [path for path in paths if not _is_known(path, page)]


def _is_known(path: str, page: Path) -> bool:
    """A bare name may be that of any file."""
    if path in MADE | BROUGHT or PLACEHOLDER.fullmatch(path):
        return True
    if (ROOT / path).exists() or (page.parent / path).exists():
        return True
    return "/" not in path and any(file.name == path for file in _files())


def unknown_variables(text: str) -> list[str]:
    """Return environment variables that neither code nor script reads."""
    named = {name for code in [*spans(text), *shell_lines(text)] for name in VARIABLE.findall(code)}
    return sorted(named - _variables())


@cache
def _variables() -> set[str]:
    files = [file for file in _files() if file.suffix != ".md" and "tests" not in file.parts]
    read_by_code = {name for file in files for name in VARIABLE.findall(file.read_text(errors="ignore"))}
    return read_by_code | {name.upper() for name in Settings.model_fields}


@cache
def _files() -> list[Path]:
    nested = [path for name in CODE for path in (ROOT / name).rglob("*")]
    paths = [path.relative_to(ROOT) for path in [*ROOT.iterdir(), *nested] if path.is_file()]
    return [ROOT / path for path in paths if not LEFT_OUT & set(path.parts)]

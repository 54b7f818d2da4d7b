"""An estimator of one's own: a function, in a Python file beside the spec, that returns it."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.core.contract import sha256


def is_own(name: str) -> bool:
    return ":" in name


def import_code(name: str, directory: Path) -> str:
    """Import the module of `module:function` from its file in the directory; return the file's sha256.

    It is imported by its plain name, so that a pickled model finds its classes again.

    Raises:
        ValueError: there is no such file or function, the module has the name of another, or it fails.
    """
    module_name, _, function = name.partition(":")
    path = (directory / f"{module_name}.py").resolve()
    if not module_name.isidentifier() or not path.is_file():
        raise ValueError(f"{name!r} needs the file {path} with the function {function}")
    known = sys.modules.get(module_name)
    if Path(getattr(known, "__file__", None) or path).resolve() != path or (
        known is None and importlib.util.find_spec(module_name) is not None
    ):
        raise ValueError(f"another module is called {module_name!r}; rename {path.name}")
    code = path.read_bytes()
    _execute(module_name, path)
    has_function = callable(getattr(sys.modules[module_name], function, None))
    if not has_function:
        raise ValueError(f"{path} has no function {function!r}")
    return sha256(code)


def find_factory(name: str) -> Callable[..., Any]:
    """Return the function of a module that `import_code` has imported."""
    module_name, _, function = name.partition(":")
    factory: Callable[..., Any] = getattr(sys.modules[module_name], function)
    return factory


def _execute(name: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} can't be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the code of the user raises
        del sys.modules[name]
        raise ValueError(f"{path} fails: {type(error).__name__}: {error}") from error

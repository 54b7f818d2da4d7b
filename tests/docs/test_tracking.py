"""docs/tracking.md: the parameter that an experiment changes and the aliases of the registry exist."""

from model_build.spec import model_spec
from tests.docs.markdown import commands, read, spans

PAGE = read("docs/tracking.md")


def test_the_parameter_of_the_experiment_is_one_of_the_spec() -> None:
    (change,) = [word for words in commands(PAGE) for word in words if ":estimator." in word]
    path, _, assignment = change.partition(":")
    *keys, parameter = assignment.partition("=")[0].split(".")
    assert path == "model_build/specs/census.yaml"
    assert keys == ["estimator", "parameters"]
    assert parameter in model_spec.load("census").estimator.parameters


def test_the_registered_model_is_the_census_model() -> None:
    name = model_spec.load("census").name
    assert f"models:/{name}@champion" in PAGE
    assert f'set_registered_model_alias("{name}", "champion", ' in PAGE
    assert {name, "candidate", "champion"} <= set(spans(PAGE))

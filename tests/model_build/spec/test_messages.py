from pathlib import Path

import pytest

from model_build.errors import SpecError
from model_build.spec import model_spec
from tests.model_build.spec.conftest import SpecErrorOf, changed
from tests.support.tiny import TINY

TOP = (
    "name, title, version, description, data, features, derived, ids, target, weight, data_checks, split, "
    "estimator, "
    "training, evaluation, gates, model_checks, card"
)
RANGED = (
    "name, aliases, title, unit, missing, default, offset, scale, minimum, maximum, outside, example, type"
)
CATEGORY = "name, aliases, title, unit, missing, default, type, categories, unknown, other, order, example"
BOOLEAN = "name, aliases, title, unit, missing, default, type, words, example"
DATA = "sources, columns, delimiter, encoding, drop_duplicates, synthetic, licence"
TYPES = "integer, number, category, open_category, boolean, datetime"
TEXT = "must be text; a number, true or false needs quotes"
TREE_PARAMETERS = (
    "criterion, splitter, max_depth, min_samples_split, min_samples_leaf, min_weight_fraction_leaf, "
    "max_features, random_state, max_leaf_nodes, min_impurity_decrease, class_weight, ccp_alpha, "
    "monotonic_cst"
)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("version: 1.2.3", "version: 1.2.3\nowner: me", f"owner: unknown key; allowed are {TOP}."),
        ("version: 1.2.3", "version: 1.2.3\nsha256: abc", f"sha256: unknown key; allowed are {TOP}."),
        ("version: 1.2.3", "version: 1.2.3\n3: 4", f"3: unknown key; allowed are {TOP}."),
        (
            "title: Years,",
            "title: Years, colour: red,",
            f"features.years.colour: unknown key; allowed are {RANGED}.",
        ),
        (
            "title: Grade,",
            "title: Grade, minimum: 3,",
            f"features.grade.minimum: unknown key; allowed are {CATEGORY}.",
        ),
        (
            "title: Secured,",
            "title: Secured, categories: [a],",
            f"features.secured.categories: unknown key; allowed are {BOOLEAN}.",
        ),
        (
            'missing: {markers: ["?"]}',
            'missing: {marker: ["?"]}',
            "features.grade.missing.marker: unknown key (did you mean 'markers'?); allowed are markers.",
        ),
        (
            "licence: none",
            "licence: none\n  rows: 5",
            "data.rows: unknown key; allowed are sources, columns, delimiter, encoding, drop_duplicates, "
            "synthetic, licence.",
        ),
        (
            "licence: none",
            "licence: none\n  synthetic: {generator: census, rows: 100, seed: 1, speed: 2}",
            "data.synthetic.speed: unknown key; allowed are generator, rows, seed, draws, labels.",
        ),
        (
            "{uri: loans.csv}",
            "{uri: loans.csv, url: x}",
            "data.sources.0.url: unknown key; allowed are query, uri, sha256, sheet.",
        ),
        (
            "parameters: {max_iter: 5}",
            "params: {max_iter: 5}",
            "estimator.params: unknown key (did you mean 'parameters'?); allowed are name, parameters.",
        ),
        (
            "name: hist_gradient_boosting, parameters: {max_iter: 5}",
            "name: decision_tree, parameters: {depth: 5}",
            "estimator.parameters.depth: decision_tree has no parameter 'depth' (did you mean 'max_depth'?); "
            f"allowed are {TREE_PARAMETERS}.",
        ),
        *(
            (
                "{max_iter: 5}",
                f"{{class_weight: {{'no': {weight}}}}}",
                "estimator.parameters.class_weight: a weight must be a number above 0.",
            )
            for weight in ("null", "-1", "0", ".inf", "true", "heavy")
        ),
    ],
)
def test_unknown_key_is_an_error_and_lists_the_allowed_keys(
    spec_error: SpecErrorOf, old: str, new: str, sentence: str
) -> None:
    assert spec_error(changed(old, new)) == sentence


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("version: 1.2.3\n", "", "version: this key is required."),
        ("title: Rate, ", "", "features.rate.title: this key is required."),
        ("categories: [A, B, C], ", "", "features.grade.categories: this key is required."),
        (
            "type: boolean, ",
            "",
            f"features.secured: the key type is required; allowed are {TYPES}.",
        ),
        ("test: 0.25, ", "", "split.test: this key is required."),
    ],
)
def test_missing_key_is_an_error(spec_error: SpecErrorOf, old: str, new: str, sentence: str) -> None:
    assert spec_error(changed(old, new)) == sentence


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("maximum: 30", "maximum: many", "features.years.maximum: must be a whole number."),
        ("maximum: 30", "maximum: 30.5", "features.years.maximum: must be a whole number."),
        ("maximum: 30", "maximum: true", "features.years.maximum: must be a whole number."),
        ("maximum: 20", 'maximum: "20"', "features.rate.maximum: must be a number."),
        ("maximum: 20", "maximum: .inf", "features.rate.maximum: must be a finite number."),
        ("maximum: 20", "maximum: .nan", "features.rate.maximum: must be a finite number."),
        ("example: true", "example: 1", "features.secured.example: must be true or false."),
        ("version: 1.2.3", "version: 1.2", f"version: {TEXT}."),
        ("description: Will it be paid back?", "description:", f"description: {TEXT}."),
        ('labels: ["no", "yes"]', "labels: [0.5, yes]", f"target.labels.0: {TEXT}."),
        ('markers: ["n/a"]', "markers: [-1]", f"features.rate.missing.markers.0: {TEXT}."),
        ("parameters: {max_iter: 5}", "parameters: [5]", "estimator.parameters: must be a mapping."),
        (
            "split: {test: 0.25, seed: 1}",
            "split: 1",
            "split: must be a mapping with the keys test, by, groups, file, stratify, seed.",
        ),
        ("[{uri: loans.csv}]", "loans.csv", "data.sources: must be a list."),
    ],
)
def test_value_of_the_wrong_type_is_an_error(
    spec_error: SpecErrorOf, old: str, new: str, sentence: str
) -> None:
    assert spec_error(changed(old, new)) == sentence


def test_every_error_is_listed_with_its_line_and_column(tmp_path: Path) -> None:
    text = changed("version: 1.2.3", "version: one").replace("seed: 1}", "seed: x}")
    text = text.replace("licence: none", "licens: none\n  rows: 5").replace("name: paid", "name: rate")
    text = (
        text.replace("minimum: 1, maximum: 30", "minimum: 30, maximum: 1")
        + "training: {folds: 1, drop: [x]}\n"
    )
    path = tmp_path / "tiny.yaml"
    path.write_text(text.lstrip())
    with pytest.raises(SpecError) as caught:
        model_spec.load(str(path))
    head, *lines = str(caught.value).splitlines()
    assert head == f"{path} has 6 errors:"
    assert [line.removeprefix(f"  {path}:") for line in lines] == [
        r"3:10: version: must match ^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$.",
        f"7:3: data.licens: unknown key (did you mean 'licence'?); allowed are {DATA}.",
        f"8:3: data.rows: unknown key; allowed are {DATA}.",
        "10:5: features.years: minimum 30 must be below maximum 1.",
        "16:27: split.seed: must be a whole number.",
        "18:19: training.folds: must be at least 2.",
    ]


def test_sections_are_compared_although_another_section_is_wrong(spec_error: SpecErrorOf) -> None:
    text = changed("seed: 1", "seed: x").replace("name: paid", "name: rate")
    errors = spec_error(f"{text}training: {{drop: [colour, age]}}\nevaluation: {{fairness: {{garde: A}}}}\n")
    for sentence in (
        "split.seed: must be a whole number.",
        "target.name: target 'rate' is also a feature.",
        "training.drop.0: there is no feature 'colour'; allowed are grade, rate, secured, years.",
        "training.drop.1: there is no feature 'age'; allowed are grade, rate, secured, years.",
        "evaluation.fairness.garde: there is no category or boolean 'garde' (did you mean 'grade'?); allowed",
    ):
        assert sentence in errors
    assert errors.startswith(" has 5 errors:")


def test_more_than_fifty_errors_are_counted(spec_error: SpecErrorOf) -> None:
    drop = ", ".join(f"x{number}" for number in range(53))
    errors = spec_error(f"{TINY}training: {{drop: [{drop}]}}\n").splitlines()
    assert errors[0] == " has 54 errors:"
    assert len(errors) == 52
    assert errors[-1] == "  and 4 more"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "type: number",
            "type: float",
            "features.rate.type: there is no type 'float' (did you mean 'number'?); ",
        ),
        (
            "type: boolean",
            "type: bool",
            "features.secured.type: there is no type 'bool' (did you mean 'boolean'?)",
        ),
        (
            "seed: 1}",
            "seed: 1}\ntraining: {resample: ovr}",
            "training.resample: must be 'over' or 'under' (did you mean 'over'?).",
        ),
        (
            "seed: 1}",
            "seed: 1}\ntraining: {search: {space: {max_iter: [[1]]}}}",
            "training.search.space.max_iter.0: must be true or false, or a whole number, or a number, or ",
        ),
        (
            "hist_gradient_boosting",
            "hist_gradient_bosting",
            "estimator.name: there is no estimator 'hist_gradient_bosting' (did you mean 'hist_gradient_boo",
        ),
    ],
)
def test_one_error_suggests_what_may_be_meant(
    spec_error: SpecErrorOf, old: str, new: str, sentence: str
) -> None:
    assert spec_error(changed(old, new)).startswith(sentence)


def test_error_in_a_merged_mapping_is_at_its_anchor(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(changed("{test: 0.25, seed: 1}", "{<<: &s {test: 2}, seed: 1}").lstrip())
    with pytest.raises(SpecError, match=r"tiny.yaml:15:23: split.test: must be below 1\."):
        model_spec.load(str(path))


def test_key_that_stands_twice_names_both_lines_beside_the_other_errors(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(changed("seed: 1", "seed: 1, seed: x").lstrip() + "title: Twice\n")
    with pytest.raises(SpecError) as caught:
        model_spec.load(str(path))
    assert [line.removeprefix(f"  {path}:") for line in str(caught.value).splitlines()[1:]] == [
        "15:30: the key 'seed' is in line 15 already.",
        "17:1: the key 'title' is in line 2 already.",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", f" must hold a mapping with the keys {TOP}."),
        ("# nothing\n", f" must hold a mapping with the keys {TOP}."),
        ("- name: tiny\n", f" must hold a mapping with the keys {TOP}."),
        ("name: [tiny\n", "the file is not YAML: expected ',' or ']', but got '<stream end>'."),
        (
            "a:\n\t- b\n",
            "the file is not YAML: found character '\\t' that cannot start any token; indent with "
            "spaces, not with tabs.",
        ),
        (
            "title: Churn: who leaves\n",
            "the file is not YAML: mapping values are not allowed here; text with a "
            "colon and a space in it needs quotes.",
        ),
        (
            "name: *tiny\n",
            "the file is not YAML: found undefined alias 'tiny'; text that begins with * needs quotes.",
        ),
        (
            "name: !!python/object:os.system tiny\n",
            "the file is not YAML: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object:os.system'.",
        ),
        (
            "? [a, b]\n: c\n",
            " must hold only lists, mappings and plain values: "
            "keys must be str, int, float, bool or None, not tuple.",
        ),
        (
            "name: &tiny [*tiny]\n",
            " must hold only lists, mappings and plain values: Circular reference detected.",
        ),
    ],
)
def test_file_without_a_mapping_of_plain_values_is_an_error(
    spec_error: SpecErrorOf, text: str, sentence: str
) -> None:
    assert spec_error(text) == sentence


def test_binary_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SpecError) as caught:
        model_spec.load(str(path))
    assert str(caught.value).startswith(f"{path} is not YAML: ")

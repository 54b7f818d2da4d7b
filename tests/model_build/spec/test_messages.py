from pathlib import Path

import pytest

from model_build.errors import SpecError
from model_build.spec import model_spec
from tests.model_build.spec.conftest import SpecErrorOf, changed

TOP = (
    "name, title, version, description, data, features, derived, ids, target, data_checks, split, estimator, "
    "training, evaluation, gates, model_checks, card"
)
RANGED = "name, aliases, title, unit, missing, minimum, maximum, example, type"
CATEGORY = "name, aliases, title, unit, missing, type, categories, example"
BOOLEAN = "name, aliases, title, unit, missing, type, example"
TYPES = "integer, number, category, boolean, datetime"
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
            "features.grade.missing.marker: unknown key; allowed are markers.",
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
            "data.synthetic.speed: unknown key; allowed are generator, rows, seed.",
        ),
        (
            "{uri: loans.csv}",
            "{uri: loans.csv, url: x}",
            "data.sources.0.url: unknown key; allowed are uri, sha256.",
        ),
        (
            "parameters: {max_iter: 5}",
            "params: {max_iter: 5}",
            "estimator.params: unknown key; allowed are name, parameters.",
        ),
        (
            "name: hist_gradient_boosting, parameters: {max_iter: 5}",
            "name: decision_tree, parameters: {depth: 5}",
            f"estimator: decision_tree has no parameter 'depth'; allowed are {TREE_PARAMETERS}.",
        ),
        *(
            (
                "{max_iter: 5}",
                f"{{class_weight: {{'no': {weight}}}}}",
                "estimator: class_weight: a weight must be a number above 0.",
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
            "split: must be a mapping with the keys test, stratify, seed.",
        ),
        ("[{uri: loans.csv}]", "loans.csv", "data.sources: must be a list."),
    ],
)
def test_value_of_the_wrong_type_is_an_error(
    spec_error: SpecErrorOf, old: str, new: str, sentence: str
) -> None:
    assert spec_error(changed(old, new)) == sentence


def test_first_error_is_described_and_the_others_are_counted(spec_error: SpecErrorOf) -> None:
    text = changed("version: 1.2.3", "version: one").replace("seed: 1", "seed: x").replace("test: 0.25, ", "")
    sentence = r"version: must match ^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$. (2 more)"
    assert spec_error(text) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", f" must hold a mapping with the keys {TOP}."),
        ("# nothing\n", f" must hold a mapping with the keys {TOP}."),
        ("- name: tiny\n", f" must hold a mapping with the keys {TOP}."),
        ("name: [tiny\n", " is not YAML: line 2, column 1: expected ',' or ']', but got '<stream end>'."),
        (
            "name: tiny\ntitle: Tiny\nname: other\n",
            ' is not YAML: line 3, column 1: found duplicate key "name" with value "other" '
            '(original value: "tiny").',
        ),
        ("name: *tiny\n", " is not YAML: line 1, column 7: found undefined alias 'tiny'."),
        (
            "name: !!python/object:os.system tiny\n",
            " is not YAML: line 1, column 7: could not determine a constructor for the tag "
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

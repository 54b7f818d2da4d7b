import hashlib
import json
from pathlib import Path

import pytest

from model_build.errors import SpecError
from model_build.spec import model_spec
from model_build.spec.model_spec import SPECS
from tests.conftest import TINY

TOP = (
    "name, title, version, description, data, features, target, data_checks, split, estimator, training, "
    "evaluation, gates, model_checks, card"
)
RANGED = "name, aliases, title, unit, missing, minimum, maximum, example, type"
CATEGORY = "name, aliases, title, unit, missing, type, categories, example"
BOOLEAN = "name, aliases, title, unit, missing, type, example"
TYPES = "integer, number, category, boolean"
TEXT = "must be text; a number, true or false needs quotes"
TREE_PARAMETERS = (
    "criterion, splitter, max_depth, min_samples_split, min_samples_leaf, min_weight_fraction_leaf, "
    "max_features, random_state, max_leaf_nodes, min_impurity_decrease, class_weight, ccp_alpha, "
    "monotonic_cst"
)
SYNTHETIC = "licence: none\n  synthetic: {{generator: {}, rows: {}, seed: 1}}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tiny.yaml"


def refusal(path: Path, text: str) -> str:
    """Return the sentence with which `text` is refused, without the path."""
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        model_spec.load(str(path))
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    return sentence.removeprefix(str(path)).removeprefix(": ")


def changed(old: str, new: str) -> str:
    assert TINY.count(old) == 1
    return TINY.replace(old, new)


def test_the_census_spec_has_the_features_and_the_target_of_uci_adult() -> None:
    census = model_spec.load("census")
    content = (SPECS / "census.yaml").read_bytes()
    assert census.name == "census-income"
    assert census.sha256 == hashlib.sha256(content).hexdigest()
    assert {feature.name: feature.type for feature in census.features} == {
        "age": "integer",
        "workclass": "category",
        "fnlgt": "integer",
        "education": "category",
        "education_num": "integer",
        "marital_status": "category",
        "occupation": "category",
        "relationship": "category",
        "race": "category",
        "sex": "category",
        "capital_gain": "integer",
        "capital_loss": "integer",
        "hours_per_week": "integer",
        "native_country": "category",
    }
    assert census.target.model_dump() == {
        "name": "salary",
        "labels": ("<=50K", ">50K"),
        "positive": ">50K",
        "threshold": 0.5,
    }
    missing = {feature.name for feature in census.features if feature.missing is not None}
    assert missing == {"workclass", "occupation", "native_country"}


def test_a_spec_is_found_by_its_path_and_holds_what_the_file_says(path: Path) -> None:
    path.write_text(TINY)
    tiny = model_spec.load(str(path))
    sections = {"data_checks", "training", "evaluation", "gates", "model_checks", "card"}
    assert tiny.model_dump(exclude={"features", *sections}) == {
        "name": "tiny",
        "title": "Tiny loans",
        "version": "1.2.3",
        "description": "Will it be paid back?",
        "data": {
            "sources": ({"uri": "loans.csv", "sha256": None},),
            "columns": (),
            "drop_duplicates": True,
            "synthetic": None,
            "licence": "none",
        },
        "target": {"name": "paid", "labels": ("no", "yes"), "positive": "yes", "threshold": 0.6},
        "split": {"test": 0.25, "stratify": True, "seed": 1},
        "estimator": {"name": "hist_gradient_boosting", "parameters": {"max_iter": 5}},
    }
    years, rate, grade, secured = tiny.features
    assert years.names == ("years", "duration-years")
    assert rate.model_dump() == {
        "name": "rate",
        "aliases": (),
        "title": "Rate",
        "unit": "percent",
        "missing": {"markers": ("n/a",)},
        "minimum": 0,
        "maximum": 20,
        "example": 2.5,
        "type": "number",
    }
    assert grade.codes == {"A": 0, "B": 1, "C": 2, None: 3, "?": 3}
    assert secured.codes == {False: 0, True: 1}
    assert tiny.sha256 == hashlib.sha256(TINY.encode()).hexdigest()


def test_equal_files_have_equal_checksums_and_others_do_not(path: Path) -> None:
    path.write_text(TINY)
    checksum = model_spec.load(str(path)).sha256
    path.write_text(TINY + "# a remark\n")
    assert model_spec.load(str(path)).sha256 != checksum


@pytest.mark.parametrize("name", ["adult", "", "specs/adult", "missing.yaml"])
def test_an_unknown_name_lists_the_names_there_are(name: str) -> None:
    with pytest.raises(SpecError) as caught:
        model_spec.load(name)
    known = ", ".join(sorted(each.stem for each in SPECS.glob("*.yaml")))
    assert str(caught.value) == (
        f"There is no model spec {name!r}. Give the path of a .yaml file, or one of: {known}."
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
            "data.rows: unknown key; allowed are sources, columns, drop_duplicates, synthetic, licence.",
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
def test_an_unknown_key_is_refused_with_the_keys_there_are(
    path: Path, old: str, new: str, sentence: str
) -> None:
    assert refusal(path, changed(old, new)) == sentence


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
def test_a_key_that_is_missing_is_named(path: Path, old: str, new: str, sentence: str) -> None:
    assert refusal(path, changed(old, new)) == sentence


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
        ('labels: ["no", "yes"]', "labels: [false, true]", f"target.labels.0: {TEXT}. (1 more)"),
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
def test_a_value_of_another_type_is_refused(path: Path, old: str, new: str, sentence: str) -> None:
    assert refusal(path, changed(old, new)) == sentence


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("name: tiny\n", "name: Tiny Loans\n", "name: must match ^[a-z0-9]+(-[a-z0-9]+)*$."),
        ("title: Tiny loans", "title: ''", "title: must not be empty."),
        (
            "version: 1.2.3",
            "version: one",
            r"version: must match ^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$.",
        ),
        (
            "minimum: 1, maximum: 30",
            "minimum: 30, maximum: 1",
            "features.years: minimum 30 must be below maximum 1.",
        ),
        ("example: 5}", "example: 31}", "features.years: example 31 must lie in 1 to 30."),
        (
            "maximum: 30",
            "maximum: 16777217",
            "features.years.maximum: must be at most 16777216.",
        ),
        (
            "minimum: 1,",
            "minimum: -16777217,",
            "features.years.minimum: must be at least -16777216.",
        ),
        (
            "maximum: 20",
            "maximum: 1.0e+39",
            "features.rate.maximum: must be at most 3.4028234663852886e+38.",
        ),
        (
            "minimum: 0,",
            "minimum: -3.5e+38,",
            "features.rate.minimum: must be at least -3.4028234663852886e+38.",
        ),
        (
            "example: B",
            "example: D",
            "features.grade: example must be one of the categories: A, B, C.",
        ),
        ("categories: [A, B, C]", "categories: [B]", "features.grade.categories: needs at least 2."),
        (
            "categories: [A, B, C]",
            "categories: [A, B, A]",
            "features.grade: categories and missing markers must differ, A stands twice.",
        ),
        (
            'markers: ["?"]',
            "markers: [A]",
            "features.grade: categories and missing markers must differ, A stands twice.",
        ),
        (
            "type: boolean",
            "type: text",
            f"features.secured: there is no type 'text'; allowed are {TYPES}.",
        ),
        ("name: rate,", "name: years,", "feature name or alias 'years' is taken already by feature 'years'."),
        (
            "aliases: [duration-years]",
            "aliases: [rate]",
            "feature name or alias 'rate' is taken already by feature 'years'.",
        ),
        (
            "aliases: [duration-years]",
            "aliases: [Rate]",
            "'rate' and 'years' would be the same column 'rate'.",
        ),
        (
            "name: rate,",
            "name: inputs,",
            "feature name or alias 'inputs' is taken already by the key that holds the rows of a request.",
        ),
        ("name: paid,", "name: rate,", "target 'rate' is a feature too."),
        ("aliases: [duration-years]", "aliases: [paid]", "target 'paid' is a feature too."),
        (
            "aliases: [duration-years]",
            "aliases: [Paid]",
            "'paid' and 'years' would be the same column 'paid'.",
        ),
        ('positive: "yes"', "positive: maybe", "target: positive must be one of the labels: no, yes."),
        ('positive: "yes", ', "", "target: positive must be one of the labels: no, yes."),
        (
            'labels: ["no", "yes"]',
            'labels: ["no", "yes", late]',
            "target: a positive label is for two labels only.",
        ),
        ('labels: ["no", "yes"]', 'labels: ["yes", "yes"]', "target: every label may stand only once."),
        ('labels: ["no", "yes"]', 'labels: ["yes"]', "target.labels: needs at least 2."),
        ("threshold: 0.6", "threshold: 1", "target.threshold: must be below 1."),
        ("threshold: 0.6", "threshold: 0", "target.threshold: must be above 0."),
        (
            "licence: none",
            SYNTHETIC.format("loans", 100),
            "data.synthetic.generator: there is no generator 'loans'; allowed are census.",
        ),
        ("licence: none", SYNTHETIC.format("census", 99), "data.synthetic.rows: must be at least 100."),
        (
            "licence: none",
            "licence: none\n  columns: [years, rate, grades, secured, paid]",
            "data.columns has 'grades'; allowed are the features and the target.",
        ),
        ("[{uri: loans.csv}]", "[]", "data.sources: needs at least 1."),
        (
            "uri: loans.csv",
            "uri: s3://loans/loans.csv",
            "data.sources.0: 's3://loans/loans.csv' needs a sha256; only a local file may go without.",
        ),
        (
            "uri: loans.csv",
            "uri: ftp://loans/loans.csv",
            "data.sources.0.uri: 'ftp://loans/loans.csv' must be a file name, s3://bucket/key or https://host/path.",
        ),
        (
            "uri: loans.csv",
            "uri: 'https://user:secret@loans/loans.csv'",
            "data.sources.0.uri: must hold no user name and no password.",
        ),
        (
            "uri: loans.csv",
            "uri: loans.csv, sha256: abc",
            "data.sources.0.sha256: must match ^[0-9a-f]{64}$.",
        ),
        ("test: 0.25", "test: 1", "split.test: must be below 1."),
        ("seed: 1", "seed: -1", "split.seed: must be at least 0."),
        ("seed: 1", "seed: 4294967296", "split.seed: must be at most 4294967295."),
        (
            "name: hist_gradient_boosting",
            "name: xgboost",
            "estimator: there is no estimator 'xgboost'; allowed are decision_tree, hist_gradient_boosting, "
            "logistic_regression, random_forest.",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(path: Path, old: str, new: str, sentence: str) -> None:
    assert refusal(path, changed(old, new)) == sentence


@pytest.mark.parametrize("text", ["", " ", " A", "A ", "\\tA", "A\\u00a0"])
@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("[A, B, C]", "[B, {}, C]", "features.grade.categories"),
        ('["?"]', '["?", {}]', "features.grade.missing.markers"),
        ('["n/a"]', "[{}]", "features.rate.missing.markers"),
        ('["no", "yes"]', '[{}, "yes"]', "target.labels"),
    ],
)
def test_a_text_that_no_cell_of_a_file_can_be_is_refused(
    path: Path, text: str, old: str, new: str, key: str
) -> None:
    written = f'"{text}"'
    assert refusal(path, changed(old, new.format(written))) == (
        f"{key}: {json.loads(written)!r} must not be empty, nor have spaces at its ends."
    )


def test_a_text_may_have_spaces_in_it(path: Path) -> None:
    path.write_text(changed("[A, B, C]", "[A, B, C d]"))
    assert model_spec.load(str(path)).features[2].codes == {"A": 0, "B": 1, "C d": 2, None: 3, "?": 3}


def test_of_several_mistakes_the_first_is_told_and_the_others_are_counted(path: Path) -> None:
    text = changed("version: 1.2.3", "version: one").replace("seed: 1", "seed: x").replace("test: 0.25, ", "")
    sentence = r"version: must match ^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$. (2 more)"
    assert refusal(path, text) == sentence


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
            " holds more than lists, mappings and plain values: "
            "keys must be str, int, float, bool or None, not tuple.",
        ),
        (
            "name: &tiny [*tiny]\n",
            " holds more than lists, mappings and plain values: Circular reference detected.",
        ),
    ],
)
def test_a_file_that_is_no_mapping_of_plain_values_is_refused(path: Path, text: str, sentence: str) -> None:
    assert refusal(path, text) == sentence


def test_a_file_that_is_not_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SpecError) as caught:
        model_spec.load(str(path))
    assert str(caught.value).startswith(f"{path} is not YAML: ")


@pytest.mark.parametrize(
    "text",
    ["marital_status", "Marital-Status", " marital.status ", "marital  status", "MARITAL_STATUS"],
)
def test_a_column_has_one_name_however_a_file_writes_it(text: str) -> None:
    assert model_spec.column_name(text) == "marital_status"

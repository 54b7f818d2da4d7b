"""Rows that look like the UCI Adult census file, so that a model can be built without a data file.

Every row is drawn along a causal chain: sex, race, age and country, then education, marital status,
relationship, workclass, occupation, hours and income. Capital comes last, because it depends on the income.
"""

from collections.abc import Callable, Mapping
from functools import cache
from io import StringIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_build.data import census_tables as tables

COLUMNS = (  # noqa: SIM905 - two lines read better than fifteen
    "age workclass fnlgt education education_num marital_status occupation relationship race sex "
    "capital_gain capital_loss hours_per_week native_country salary"
).split()
TRAITS = ("age_band", "school", "workclass", "occupation", "relationship", "sex", "origin", "shift")


def generate_census(rows: int, seed: int) -> pd.DataFrame:
    """Draw people; equal arguments give equal frames, and 1,000 rows are enough for every category."""
    rng = np.random.default_rng(seed)
    people = pd.DataFrame({"sex": np.where(rng.random(rows) < tables.MALE_SHARE, "Male", "Female")})
    for step in (_add_origin, _add_household, _add_work, _add_money):
        step(people, rng)
    return people[COLUMNS]


def _add_origin(people: pd.DataFrame, rng: np.random.Generator) -> None:
    people["race"] = _draw(rng, (tables.RACE, people["sex"]))
    people["origin"] = people["race"].map({race: race.split("-")[0] for race in _table(tables.RACE).index})
    people["native_country"] = _draw(rng, (tables.COUNTRY, people["origin"]))
    people["origin"] = people["origin"].mask(
        people["native_country"].map(_table(tables.COUNTRY)["Latin"]) == 1, "Latin"
    )
    people["age"] = _ages(rng, people["sex"])
    people["age_band"] = _band(people["age"], tables.AGES)
    # A gamma distribution with the mean and the deviation of the real weights.
    people["fnlgt"] = (12_000 + rng.gamma(2.83, 62_700, len(people))).astype(np.int64)


def _add_household(people: pd.DataFrame, rng: np.random.Generator) -> None:
    kin = people["sex"].str[0]
    people["education"] = _draw(
        rng, (tables.EDUCATION, people["age_band"]), (tables.EDUCATION, people["origin"])
    )
    people["education_num"] = people["education"].map(_table(tables.EDUCATION)["number"])
    people["school"] = _band(people["education_num"], tables.SCHOOLS)
    people["marital_status"] = _draw(
        rng,
        (tables.MARITAL, kin + people["age_band"]),
        (tables.MARITAL_BY_ORIGIN_AND_SCHOOL, people["origin"]),
        (tables.MARITAL_BY_ORIGIN_AND_SCHOOL, people["school"]),
    )
    people["wed"] = people["marital_status"].isin(["Married-civ-spouse", "Married-AF-spouse"])
    stage = people["age_band"].where(people["marital_status"] == "Never-married", "once")
    people["relationship"] = _draw(rng, (tables.RELATIONSHIP, kin + stage.mask(people["wed"], "wed")))


def _add_work(people: pd.DataFrame, rng: np.random.Generator) -> None:
    people["workclass"] = _draw(
        rng, *((tables.WORKCLASS, people[group]) for group in ("age_band", "school", "sex"))
    )
    people["occupation"] = _draw(
        rng,
        (tables.OCCUPATION, people["sex"].str[0] + people["school"]),
        (tables.OCCUPATION, people["age_band"]),
        (tables.OCCUPATION_BY_WORKCLASS, people["workclass"].replace(["?", "Never-worked"], "none")),
    )
    people["hours_per_week"] = _hours(_effect(people, "hours") + rng.normal(0, 0.83, len(people)))
    people["shift"] = _band(people["hours_per_week"], tables.SHIFTS) + "h"


def _add_money(people: pd.DataFrame, rng: np.random.Generator) -> None:
    """Add the income, then the capital: in the real file a gain or loss nearly tells the income."""
    log_odds = np.where(people["wed"], _effect(people, "married"), _effect(people, "single"))
    rich = rng.random(len(people)) < 1 / (1 + np.exp(-log_odds))
    people["salary"] = np.where(rich, ">50K", "<=50K")
    people["capital_gain"] = _amounts(rng, people["salary"], tables.GAINS)
    people["capital_loss"] = _amounts(rng, people["salary"], tables.LOSSES).where(
        people["capital_gain"] == 0, 0
    )


@cache
def _table(text: str) -> pd.DataFrame:
    """Read an aligned table; if its header has a word less than its lines, their first word is the index."""
    return pd.read_csv(StringIO(text), sep=r"\s+", keep_default_na=False)


def _draw(rng: np.random.Generator, *factors: tuple[str, pd.Series]) -> pd.Series:
    """Draw each person's level from the product of the columns of all groups that the person is in.

    A factor is a table and the group of each person in it.
    """
    weights = np.prod([_look_up(_table(text).T, groups) for text, groups in factors], axis=0)
    cumulated = weights.cumsum(axis=1)
    levels = (cumulated <= rng.random((len(cumulated), 1)) * cumulated[:, -1:]).sum(axis=1)
    _cover(rng, levels, weights / cumulated[:, -1:])
    return pd.Series(_table(factors[0][0]).index[levels])


def _cover(rng: np.random.Generator, levels: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    """Give each level that nobody drew to a likely person whose own level has other people too."""
    for level in range(shares.shape[1]):
        counts = np.bincount(levels, minlength=shares.shape[1])
        if counts[level]:
            continue
        claims = shares[:, level] * (counts[levels] > 1) * rng.random(len(levels))
        if claims.any():
            levels[claims.argmax()] = level


def _ages(rng: np.random.Generator, sex: pd.Series) -> pd.Series:
    by_sex = _table(tables.AGE_PERCENTILES)
    percent = rng.uniform(0, 100, len(sex))
    ages = {
        level: np.interp(percent, by_sex.columns.astype(float), percentiles)
        for level, percentiles in by_sex.iterrows()
    }
    return pd.Series(np.where(sex == "Female", ages["Female"], ages["Male"])).round().astype(np.int64)


def _band(values: pd.Series, starts: tuple[int, ...]) -> pd.Series:
    """Return the band of each value, named by its first value."""
    return pd.Series(np.array(starts).astype(str)[np.searchsorted(starts, values, side="right") - 1])


def _hours(latent: pd.Series) -> pd.Series:
    """Return the usual hours with the same rank, so that 40 stays as frequent as it is."""
    hours = _table(tables.HOURS).loc["per_mille"]
    cumulated = hours.cumsum() / hours.sum()
    return pd.Series(hours.index.astype(np.int64)[np.searchsorted(cumulated, latent.rank(pct=True))])


def _effect(people: pd.DataFrame, outcome: str) -> pd.Series:
    """Add up the effects of the traits that a person has so far; a level without a row has no effect."""
    effects = _table(tables.EFFECTS)[outcome]
    traits = (people[trait] for trait in TRAITS if trait in people)
    by_trait = (_look_up(effects.reindex(trait.unique(), fill_value=0), trait) for trait in traits)
    return pd.Series(sum(by_trait) + tables.BASE[outcome])


def _look_up(table: pd.DataFrame | pd.Series, levels: pd.Series) -> NDArray[np.float64]:
    """Return the row of the table for each level; each distinct level is looked up once."""
    codes, distinct = pd.factorize(levels)
    return np.asarray(table.loc[distinct].to_numpy(float)[codes])


def _amounts(rng: np.random.Generator, salary: pd.Series, table_of: Mapping[str, str]) -> pd.Series:
    """Draw an amount for each person from the table of their salary."""
    amounts = pd.Series(0, index=salary.index)
    for level, text in table_of.items():
        earners = salary == level
        weights = _table(text).loc["per_mille"]
        amounts[earners] = rng.choice(
            weights.index.to_numpy(np.int64), earners.sum(), p=weights / weights.sum()
        )
    return amounts


GENERATORS: dict[str, Callable[[int, int], pd.DataFrame]] = {"census": generate_census}

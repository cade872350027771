import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

from afm_numpy.datasets import load_adult
from afm_numpy.encode import TableEncoder

MD5 = {"train": "5d7c39d7b8804f071cdd1f2a7c460872", "test": "35238206dfdf7f1fe215bbb874adecdc"}


@pytest.fixture(scope="module")
def adult():
    return load_adult()


def test_rows_and_names(adult):
    names = (
        "age workclass fnlwgt education education-num marital-status occupation relationship race sex "
        "capital-gain capital-loss hours-per-week native-country"
    ).split()
    assert list(adult.train) == list(adult.test) == names
    assert {column.shape for column in (adult.y_train, *adult.train.values())} == {(32561,)}
    assert {column.shape for column in (adult.y_test, *adult.test.values())} == {(16281,)}
    assert [name for name in names if adult.train[name].dtype.kind == "U"] == adult.categorical
    assert [name for name in names if adult.train[name].dtype == np.int64] == adult.continuous
    assert len(adult.categorical) == 8 and len(adult.continuous) == 6


def test_marginals_as_published(adult):
    """adult.names: share above 50,000 of all rows, and of the rows without unknown values."""
    y = np.concatenate([adult.y_train, adult.y_test])
    unknown = [
        np.any([table[name] == "?" for name in adult.categorical], axis=0) for table in (adult.train, adult.test)
    ]
    assert set(y.tolist()) == {0, 1}
    assert round(100 * y.mean(), 2) == 23.93
    assert round(100 * y[~np.concatenate(unknown)].mean(), 2) == 24.78
    assert [np.sum(~rows) for rows in unknown] == [30162, 15060]
    assert round(100 * adult.y_train.mean(), 2) == 24.08
    assert round(100 * adult.y_test.mean(), 2) == 23.62
    with_unknown = {name for name in adult.categorical if "?" in adult.train[name]}
    assert with_unknown == {"workclass", "occupation", "native-country"}


@pytest.mark.parametrize(
    ("part", "head", "stop", "size"),
    [("train", "", "", 3_974_305), ("test", "|1x3 Cross validator\n", ".", 2_003_153)],
)
def test_original_file_can_be_written_again(adult, part, head, stop, size):
    """Every byte of adult.data and adult.test, by the MD5 of the files that UCI distributes."""
    label = np.where(getattr(adult, f"y_{part}") == 1, ">50K", "<=50K").tolist()
    columns = [column.tolist() for column in getattr(adult, part).values()]
    rows = [", ".join(map(str, row)) + stop for row in zip(*columns, label, strict=True)]
    text = (head + "\n".join(rows) + "\n\n").encode()
    assert len(text) == size
    assert hashlib.md5(text, usedforsecurity=False).hexdigest() == MD5[part]


def test_embedded_file_is_small_and_its_note_states_licence_and_checksums():
    folder = files("afm_numpy.datasets") / "data"
    assert len((folder / "adult.txt.gz").read_bytes()) <= 1_000_000
    note = (folder / "adult.md").read_text()
    assert "CC BY 4.0" in note and "Becker" in note and "Kohavi" in note
    assert re.findall(r"\b[0-9a-f]{32}\b", note) == list(MD5.values())


def test_calls_share_nothing(adult):
    other = load_adult()
    other.train["age"][:] = 0
    assert adult.train["age"][0] == 39


def test_encoder_takes_question_marks_as_missing(adult):
    encoder = TableEncoder(adult.categorical, adult.continuous).fit(adult.train)
    batch = encoder.transform(adult.test)
    assert (batch.m, len(batch)) == (14, 16281)
    slot = adult.categorical.index("occupation")
    missing = encoder.ids("occupation", "missing")
    assert np.array_equal(batch.idx[:, slot] == missing, adult.test["occupation"] == "?")
    assert not np.isin(batch.idx, [encoder.ids(name, "unseen") for name in adult.categorical]).any()
    assert "?" not in {encoder.describe(id).value for id in range(encoder.n)}


def test_inferred_kinds_are_the_declared_ones(adult):
    encoder = TableEncoder(bins=8).fit({name: column[:2000] for name, column in adult.train.items()})
    assert encoder.columns == list(adult.train)
    assert [name for name in encoder.columns if encoder.ids(name, "bin").size] == adult.continuous


def test_capital_columns_get_a_bin_for_zero(adult):
    encoder = TableEncoder(continuous=adult.continuous).fit(adult.train)
    with_zero = [name for name in adult.continuous if f"{name} in {{0}}" in encoder.feature_names()]
    assert with_zero == ["capital-gain", "capital-loss"]
    assert max(encoder.ids(name, "bin").size for name in adult.continuous) == 64

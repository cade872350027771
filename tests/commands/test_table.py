"""Own data: tables as CSV in `train`, `predict`, `evaluate` and `explain`."""

import bz2
import csv
import gzip
import io
import lzma
import re

import numpy as np
import pytest

from afm_numpy import encode, estimators, explain, saving
from afm_numpy.commands import cli, table, train

WORDS = ["red", 'a "b"', "x,y", "two\nlines", "", "?", "01234", "1234", " red", "ü\u2028ü"]


def rows_of(count, seed=0):
    """A category, a number with holes, another category; the target says whether they go together."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        word, age, zone = rng.choice(WORDS), rng.integers(18, 80), rng.choice(["a", "b", "c"])
        rich = (word == "01234") != (zone == "a") if rng.random() < 0.9 else rng.random() < 0.5
        yield [str(word), "" if rng.random() < 0.1 else str(age), str(zone), "yes" if rich else "no"]


def text_of(rows, header=("word", "age", "zone", "rich"), **how):
    file = io.StringIO(newline="")
    csv.writer(file, **how).writerows([header, *rows])
    return file.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    for name, count, seed in (("train.csv", 800, 0), ("test.csv", 200, 1)):
        (folder / name).write_text(text_of(rows_of(count, seed)), encoding="utf-8", newline="")
    return folder


COMMON = ("--target", "rich", "--continuous", "age", "--loss", "logistic", "--lr", "0.2", "--k", "4", "--quiet")


def run(*args):
    return cli.main([str(arg) for arg in args])


@pytest.fixture(scope="module")
def model(folder):
    assert run("train", folder / "train.csv", "--out", folder / "m.npz", "--epochs", 20, *COMMON) == 0
    return folder / "m.npz"


def predictions(capsys, *args):
    capsys.readouterr()
    assert run("predict", *args) == 0
    return np.array(capsys.readouterr().out.split(), float)


def test_a_table_is_learnt_and_judged(folder, tmp_path, capsys):
    assert run("train", folder / "train.csv", "--out", tmp_path / "m", *COMMON) == 0
    printed = capsys.readouterr()
    assert "rich: 'no' is 0, 'yes' is 1\n" in printed.err
    assert "categories: word (8), zone (3); numbers: age\n" in printed.err         # "" and "?" are missing values
    assert run("evaluate", tmp_path / "m", folder / "test.csv") == 0
    found = re.fullmatch(r"rows 200  log_loss \S+  auc (\S+)  accuracy (\S+)\n", capsys.readouterr().out)
    assert float(found[1]) > 0.85 and float(found[2]) > 0.85
    names = saving.load(tmp_path / "m").encoder.feature_names()
    assert {f"word={word}" for word in WORDS if word not in ("", "?")} < set(names)


def test_the_same_as_the_estimator_and_the_encoder(folder, model, capsys):
    """What the file holds, used from Python, predicts what the command prints."""
    saved = saving.load(model)
    with open(folder / "test.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    columns["age"] = [float(cell) if cell else None for cell in columns["age"]]
    y_hat = saved.model.predict(saved.params, saved.encoder.transform(columns).astype(np.float32))
    np.testing.assert_array_equal(predictions(capsys, model, folder / "test.csv").astype(np.float32), y_hat)


@pytest.mark.parametrize("name, change", [
    ("packed.gz", gzip.compress), ("packed.bz2", bz2.compress), ("packed.xz", lzma.compress),
    ("bom", lambda data: b"\xef\xbb\xbf" + data), ("unix", lambda data: data.replace(b"\r\n", b"\n")),
    ("no-end", lambda data: data.rstrip()), ("empty-lines", lambda data: b"\r\n\r\n" + data + b"\n\n"),
])  # fmt: skip
def test_however_it_is_packed(name, change, folder, model, tmp_path, capsys):
    (tmp_path / name).write_bytes(change((folder / "test.csv").read_bytes()))
    expected = predictions(capsys, model, folder / "test.csv")
    np.testing.assert_array_equal(predictions(capsys, model, tmp_path / name), expected)
    assert run("train", tmp_path / name, "--out", tmp_path / "m", "--epochs", 1, *COMMON) == 0


def test_other_columns_order_and_delimiter(folder, model, tmp_path, capsys):
    """No target, a column more, another order, another delimiter: the same predictions."""
    rows = [["?", zone, age, word] for word, age, zone, _ in rows_of(200, 1)]
    (tmp_path / "t").write_text(text_of(rows, ("new", "zone", "age", "word"), delimiter="\t"), "utf-8", newline="")
    expected = predictions(capsys, model, folder / "test.csv")
    for spelled in ("tab", "\t", "\\t"):
        found = predictions(capsys, model, tmp_path / "t", "--delimiter", spelled)
        np.testing.assert_array_equal(found, expected)
    assert run("evaluate", model, tmp_path / "t", "--delimiter", "tab") == 2
    assert "t: it has no column 'rich', the target" in capsys.readouterr().err
    assert run("explain", model, tmp_path / "t", "--delimiter", "tab") == 0
    assert capsys.readouterr().out.startswith("row 1\nattention")
    assert run("explain", model, folder / "test.csv") == 0
    assert re.match(r"row 1, y = [01]\nattention", capsys.readouterr().out)


def test_a_long_table_is_read_in_parts(model, tmp_path, monkeypatch, capsys):
    rows = list(rows_of(9000, 3))
    (tmp_path / "long").write_text(text_of(rows), "utf-8", newline="")
    seen = []
    original = table.read
    monkeypatch.setattr(table, "read", lambda path, form, size: (seen.append(len(part.line)) or part
                                                                 for part in original(path, form, size)))
    assert predictions(capsys, model, tmp_path / "long").size == 9000
    assert seen == [4096, 4096, 808]


def test_new_categories_and_empty_cells(model, tmp_path, capsys):
    """Both have features of their own; a number may be empty, or what --missing names."""
    (tmp_path / "t").write_text('word,age,zone\nnew,,\n,?,"z\n"\n')
    assert run("explain", model, tmp_path / "t", "--rows", 1, 2, "--top", 3) == 0
    out = capsys.readouterr().out
    assert {"word unseen", "age missing", "zone missing", "word missing", "zone unseen"} <= set(
        re.findall(r"\w+ (?:unseen|missing)", out))
    (tmp_path / "n").write_text("a,b,y\n" + "1,x,2\nNA,z,3\n" * 20)
    words = ["train", tmp_path / "n", "--target", "y", "--continuous", "a", "--out", tmp_path / "m", "--epochs", 1]
    assert run(*words) == 2
    expected = "line 3: found 'NA' in column 'a', expected a number, such as 2.5, or nothing where it is missing"
    assert expected in capsys.readouterr().err
    assert run(*words, "--missing", "NA,n/a", "--quiet") == 0
    assert run("predict", tmp_path / "m", tmp_path / "n") == 0


@pytest.mark.parametrize("target, loss, status, message", [
    (["yes", "no"], "logistic", 0, "y: 'no' is 0, 'yes' is 1"),
    (["1", "0"], "logistic", 0, "y: '0' is 0, '1' is 1"),
    (["9", "10"], "logistic", 0, "y: '9' is 0, '10' is 1"),
    (["-1", "1"], "logistic", 0, "y: '-1' is 0, '1' is 1"),
    (["yes"], "logistic", 2, "tells two values of 'y' apart, but there are 1: 'yes'"),
    (["a", "b", "c"], "logistic", 2, "apart, but there are 3: 'a', 'b', 'c'. For numbers take --loss squared"),
    (["yes", "no", ""], "logistic", 2, "line 4: found '' in column 'y', expected 'no' or 'yes'"),
    (["yes", "no"], "squared", 2, "found 'yes' in column 'y', expected a number, such as 2.5; --loss logistic"),
    (["1.5", "2e1"], "squared", 0, "categories: a (2), b (1); numbers: none"),
    (["1.5", ""], "squared", 2, "line 3: found '' in column 'y', expected a number"),
    (["1.5", "nan"], "squared", 2, "line 3: found 'nan' in column 'y'"),
    (["1.5", "1_000"], "squared", 2, "line 3: found '1_000' in column 'y'"),
    (["0", "1"], "squared", 0, "all targets are 0 or 1; --loss logistic is made for two classes"),
])  # fmt: skip
def test_targets(target, loss, status, message, tmp_path, capsys):
    (tmp_path / "t").write_text("a,y,b\n" + "".join(f"{i % 2},{target[i % len(target)]},x\n" for i in range(40)))
    words = ["train", tmp_path / "t", "--target", "y", "--loss", loss, "--out", tmp_path / "m", "--epochs", 1]
    assert run(*words, "--quiet") == status
    assert message in capsys.readouterr().err
    if status == 0:
        assert run("evaluate", tmp_path / "m", tmp_path / "t") == 0
        (tmp_path / "t").write_text("a,y,b\n1,maybe,x\n")
        assert run("evaluate", tmp_path / "m", tmp_path / "t") == 2
        assert "t, line 2: found 'maybe' in column 'y', expected" in capsys.readouterr().err
        assert run("predict", tmp_path / "m", tmp_path / "t") == 0


@pytest.mark.parametrize("data, message", [
    (b"", r"it has no column 'n', 'y'; it has none"),
    (b"a,n,y\n", "t: it has no rows"),
    (b"a;n;y\n1;2;3\n", r"it has no column 'n', 'y'; it has 'a;n;y'; is --delimiter right\?"),
    (b"a,n,y\n1,2,3\n1,2\n", r"t, line 3: found 2 cells, expected 3, as in the header"),
    (b'a,n,y\n"1\n\n",2,3\n1,2,3,4\n', r"t, line 5: found 4 cells, expected 3"),
    (b'a,n,y\n"1\n\n",x,3\n1,2,3\n', r"t, line 2: found 'x' in column 'n', expected a number, such as 2.5"),
    (b'a,n,y\n1,2,3\n"1,2,3\n4,5,6\n', r"t, line 3: found a row that is no CSV \(unexpected end of data\)"),
    (b'a,n,y\n"1"x,2,3\n', r"t, line 2: found a row that is no CSV"),
    (b"a,n,y\n\xe9,2,3\n", r"t, line 2: found bytes that are no text in UTF-8, expected a table as CSV in UTF-8"),
    (b"a,n,y,a\n1,2,3,4\n", r"t, line 1: found the name 'a' twice, expected a name for each column; --ignore a "),
    (b",n,y\n1,2,3\n", r"t, line 1: found no name for column 1, expected a name for each column; --ignore '' "),
    (b"PK\3\4xlsx", r"t, line 1: found a zip archive, such as a saved model or .xlsx, expected a table as CSV"),
    (b"people.csv".ljust(257, b"\0") + b"ustar\n", r"t, line 1: found a tar archive, expected a table as CSV"),
    (b"SQLite format 3\0", r"t, line 1: found an SQLite database, expected a table as CSV"),
    (b"a\0,n,y\n1,2\n", r"t, line 2: found 2 cells|no CSV"),
    ("a,n,y\n1,2,3\n".encode("utf-16"), "found text in UTF-16, expected a table as CSV in UTF-8"),
    (gzip.compress(b"a,n,y\n1,2,3\n", mtime=0)[:-9], r"found damaged gzip data \(it is cut\), expected a complete"),
    (b"a,n,y\n1,inf,3\n", r"t, line 2: found 'inf' in column 'n'"),
    (b"a,n,y\n1,1e400,3\n", r"t, line 2: found '1e400' in column 'n'"),
])  # fmt: skip
def test_wrong_tables_are_refused_with_their_place(data, message, tmp_path, capsys):
    (tmp_path / "t").write_bytes(data)
    words = ["train", tmp_path / "t", "--target", "y", "--continuous", "n", "--out", tmp_path / "m"]
    assert run(*words) == 2
    err = capsys.readouterr().err
    assert re.search(message, err) and err.count("\n") == 1 and not (tmp_path / "m").exists()


def test_a_line_without_an_end_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(table, "LONGEST", 1 << 18)
    (tmp_path / "t").write_bytes(b"a,y\n" + b"1" * (1 << 20))
    assert run("train", tmp_path / "t", "--target", "y", "--out", tmp_path / "m") == 2
    assert "t, line 2: found more than 0 MiB, expected a line of a table as CSV" in capsys.readouterr().err


@pytest.mark.parametrize("more, message", [
    (["--continuous", "age"], "--continuous and --ignore are for tables: name the column to predict with --target"),
    (["--target", "rich", "--delimiter", ";;"], "';;' is not one character, such as ';' or tab"),
    (["--target", "rich", "--delimiter", '"'], "is not one character"),
])  # fmt: skip
def test_wrong_options(more, message, folder, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("train", folder / "train.csv", "--out", tmp_path / "m", *more)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("more, message", [
    (["--target", "income"], "it has no column 'income'; it has 'word', 'age', 'zone', 'rich'"),
    (["--target", "rich", "--continuous", "age,zones"], "it has no column 'zones'; it has 'word', 'age'"),
    (["--target", "rich", "--continuous", "zone"], "line 2: found '.' in column 'zone', expected a number, such as"),
    (["--target", "rich", "--ignore", "rich"], "--target, --continuous and --ignore name the column 'rich' twice"),
    (["--target", "rich", "--ignore", "age", "--continuous", "age"], "name the column 'age' twice"),
])  # fmt: skip
def test_wrong_columns(more, message, folder, tmp_path, capsys):
    assert run("train", folder / "train.csv", "--out", tmp_path / "m", "--loss", "logistic", *more) == 2
    assert re.search(message, capsys.readouterr().err)


def test_columns_that_the_model_needs_must_be_there(model, tmp_path, capsys):
    (tmp_path / "t").write_text("word,zone\nred,a\n")
    for command in ("predict", "evaluate", "explain"):
        assert run(command, model, tmp_path / "t") == 2
        assert "t: it has no column 'age'; it has 'word', 'zone'" in capsys.readouterr().err


def test_ignored_columns_may_have_no_name(tmp_path, capsys):
    """The index that pandas writes."""
    (tmp_path / "t").write_text(",a,y\n" + "0,x,1\n1,z,2\n" * 20)
    words = ["train", tmp_path / "t", "--target", "y", "--out", tmp_path / "m", "--epochs", 1, "--quiet"]
    assert run(*words, "--ignore", "") == 0
    assert saving.load(tmp_path / "m").encoder.columns == ["a"]


def test_validation_warm_start_and_going_on(folder, tmp_path, capsys):
    """--valid, --start-from and --resume, with the encoder and the classes of the model that is gone on with."""
    fm, afm, cut = (tmp_path / name for name in ("fm", "afm", "cut"))
    data, valid = folder / "train.csv", ["--valid", folder / "test.csv"]
    assert run("train", data, "--model", "fm", "--out", fm, *COMMON, "--epochs", 4) == 0
    assert run("train", data, "--start-from", fm, "--out", afm, *COMMON, *valid, "--epochs", 4) == 0
    assert run("train", data, "--start-from", fm, "--out", cut, *COMMON, *valid, "--epochs", 2) == 0
    assert run("train", data, "--resume", f"{cut}.last", "--out", cut, *valid, "--epochs", 4, "--quiet") == 0
    for end in ("", ".last"):
        a, b = saving.load(f"{afm}{end}"), saving.load(f"{cut}{end}")
        assert a.config == b.config and a.config["table"]["classes"] == ["no", "yes"]
        assert a.encoder.to_dict() == b.encoder.to_dict() == saving.load(fm).encoder.to_dict()
        assert all((a.params[name] == b.params[name]).all() for name in a.params)
    bare = ["train", data, "--target", "rich", "--loss", "logistic", "--epochs", 1]   # the columns are those of the FM
    assert run(*bare, "--start-from", fm, "--out", tmp_path / "bare") == 0
    assert saving.load(tmp_path / "bare").encoder.to_dict() == saving.load(fm).encoder.to_dict()
    assert run(*bare[:4], "--start-from", fm, "--out", tmp_path / "bare", "--epochs", 1) == 0
    assert saving.load(tmp_path / "bare").config["loss"] == "logistic"
    for option, value, was in (("--loss", "squared", "logistic"), ("--k", 5, 4), ("--id-base", 1, 0)):
        with pytest.raises(SystemExit):
            run(*bare[:4], "--start-from", fm, "--out", tmp_path / "bare", option, value)
        assert f"{option} cannot change: {fm} was trained with {option} {was}" in capsys.readouterr().err
    (tmp_path / "t").write_text("word,age,zone\nred,1,a\n")
    assert run("train", tmp_path / "t", *bare[2:], "--start-from", fm, "--out", tmp_path / "bare") == 2
    assert "t: it has no column 'rich', the target" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("train", data, "--resume", f"{cut}.last", "--out", cut, "--epochs", 9, "--target", "zone")
    assert "--target cannot change" in capsys.readouterr().err
    (tmp_path / "rows.libfm").write_text("1 0:1 1:1\n0 0:1\n" * 20)
    assert run("train", tmp_path / "rows.libfm", "--out", tmp_path / "lib", "--model", "fm", *COMMON[4:]) == 0
    assert run("train", data, "--start-from", tmp_path / "lib", "--out", afm, *COMMON) == 2
    assert "it was trained on libFM text, not on a table" in capsys.readouterr().err


def test_models_of_estimators_take_tables(folder, tmp_path, capsys):
    """The encoder in the file says how to read them; `--id-base` says that the rows are libFM text."""
    cells = list(zip(*rows_of(300), strict=True))
    columns = {"word": list(cells[0]), "age": [float(cell) if cell else None for cell in cells[1]]}
    encoder = encode.TableEncoder(["word"], ["age"])
    model = estimators.AFMClassifier(epochs=2, random_state=0).fit(encoder.fit_transform(columns), list(cells[3]))
    model.save(tmp_path / "m", encoder=encoder)
    test = list(zip(*rows_of(200, 1), strict=True))
    columns = {"word": list(test[0]), "age": [float(cell) if cell else None for cell in test[1]]}
    expected = model.decision_function(encoder.transform(columns))
    np.testing.assert_array_equal(predictions(capsys, tmp_path / "m", folder / "test.csv"), expected)
    assert run("evaluate", tmp_path / "m", folder / "test.csv") == 2
    assert "name the column to compare with by --target" in capsys.readouterr().err
    assert run("evaluate", tmp_path / "m", folder / "test.csv", "--target", "rich") == 0
    assert "accuracy" in capsys.readouterr().out
    (tmp_path / "rows.libfm").write_text("1 0:1 12:1\n")
    assert predictions(capsys, tmp_path / "m", tmp_path / "rows.libfm", "--id-base", 0).size == 1


def test_attention_by_fields_knows_the_columns(folder, tmp_path, capsys):
    assert run("train", folder / "train.csv", "--out", tmp_path / "m", "--attention", "field", *COMMON) == 0
    assert predictions(capsys, tmp_path / "m", folder / "test.csv").size == 200


def test_rows_that_choose_are_not_learnt_from(tmp_path):
    """Every row has an id of its own: the encoder has not seen those of the held-out rows."""
    (tmp_path / "t").write_text("id,y\n" + "".join(f"row {i},{i / 40}\n" for i in range(40)))
    data = train.rows(*train.arguments([str(tmp_path / "t"), "--target", "y", "--out", str(tmp_path / "m"),
                                        "--valid-fraction", "0.25"]))  # fmt: skip
    encoder, (fit, y), (held, held_y) = data.encoder, data.fit, data.valid
    names = [encoder.describe(id).value for id in encoder.ids("id", "value")]
    assert len(names) == len(fit) == 30 and len(held) == 10
    assert [names.index(f"row {round(40 * value)}") for value in y] == fit.idx[:, 0].tolist()
    assert (held.idx[:, 0] == encoder.ids("id", "unseen")).all()
    assert sorted([*y, *held_y]) == [i / 40 for i in range(40)]


@pytest.mark.parametrize(("text", "words"), [
    pytest.param("word,age,zone,rich\nred,1e-999,a,yes\n", "line 2: found '1e-999' in column 'age'", id="brother-A3"),
    pytest.param("word,age,zone,rich,rich\nred,1,a,yes,no\n", "line 1: found the name 'rich' twice, expected a name "
                 "for each column\n", id="brother-target-twice"),
    pytest.param("word,age,age,zone,rich\nred,1,2,a,yes\n", "line 1: found the name 'age' twice, expected a name for "
                 "each column\n", id="brother-column-twice"),
    pytest.param("word,age,zone,rich\n", "x: it has no rows\n", id="brother-header-alone"),
])  # fmt: skip
@pytest.mark.parametrize("command", [["predict"], ["evaluate"], ["explain"], ["explain", "--overall"]])
def test_tables_that_a_model_does_not_take(text, words, command, folder, tmp_path, capsys):
    out = tmp_path / "m"
    if not out.exists():
        assert run("train", folder / "train.csv", "--out", out, *COMMON, "--epochs", 1) == 0
    (tmp_path / "x").write_text(text)
    assert run(command[0], out, tmp_path / "x", *command[1:]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("cell", ["1e-999", "1e-46", "1e39", "1e999"])
def test_a_target_that_float32_loses_is_named_with_its_line(cell, tmp_path, capsys):
    """Before the rows are shuffled, and before a constant is taken of them."""
    lines = ["a,y", *(f"{i % 3},{i}" for i in range(40))]
    lines[31] = f"1,{cell}"
    (tmp_path / "x").write_text("\n".join(lines))
    assert run("train", tmp_path / "x", "--target", "y", "--out", tmp_path / "m", "--epochs", 1) == 2
    assert f"x, line 32: found '{cell}' in column 'y'" in capsys.readouterr().err


def test_blanks_around_a_mark_for_missing_cells(tmp_path, capsys):
    """As in the files of UCI, "a, ?, b": ` ?` would be a category of its own, while a column of numbers knew it."""
    cells = ((" ?" if i % 5 == 0 else "ab"[i % 2], " ?" if i % 7 == 0 else i, i) for i in range(40))
    rows = ["word, dose, y", *(", ".join(map(str, row)) for row in cells)]
    for path, text in (("blanks", "\n".join(rows)), ("none", "\n".join(rows).replace(" ", ""))):
        (tmp_path / path).write_text(text)
    told = [" dose", " y"], ["dose", "y"]
    for path, (dose, y) in zip(("blanks", "none"), told, strict=True):
        common = ["--target", y, "--continuous", dose, "--epochs", 1, "--quiet"]
        assert run("train", tmp_path / path, "--out", tmp_path / f"{path}.npz", *common) == 0
        assert "categories: word (2)" in capsys.readouterr().err
    a, b = (saving.load(tmp_path / f"{path}.npz") for path in ("blanks", "none"))
    assert all((a.params[name] == b.params[name]).all() for name in a.params)


def test_brother_a_column_to_leave_out_is_there(folder, tmp_path, capsys):
    """A slip in its name would leave it in."""
    assert run("train", folder / "train.csv", "--out", tmp_path / "m", *COMMON, "--ignore", "Zone") == 2
    assert "it has no column 'Zone'; it has 'word', 'age', 'zone', 'rich'" in capsys.readouterr().err


def test_brother_a_validation_table_without_a_column_is_named(folder, tmp_path, capsys):
    (tmp_path / "v").write_text("word,age,rich\nred,1,yes\n")
    assert run("train", folder / "train.csv", "--valid", tmp_path / "v", "--out", tmp_path / "m", *COMMON) == 2
    assert "v: it has no column 'zone'; it has 'word', 'age', 'rich'" in capsys.readouterr().err


def test_categories_that_were_numbers_keep_their_digits(tmp_path, capsys):
    """An encoder that was fitted on numbers reads them from text; labels of floats are those of whole numbers."""
    big = 2**60
    columns = {"user": [big + 1, big + 2, None, 7], "dose": [0.5, 2.0, 2.0, 0.5]}
    encoder = encode.TableEncoder(["user", "dose"], missing=["?", "", "-1"])
    model = estimators.FMClassifier(epochs=3, std=0.3, random_state=0)
    model.fit(encoder.fit_transform(columns), np.array([9.0, 10.0, 9.0, 10.0])).save(tmp_path / "m", encoder=encoder)
    text = f"dose,user,y\n.50,{big + 1},9\n2,{big + 2},10\n2.0,?,9\n0.5,7,10\n0.5,-1,9\n2, +7 ,10\n2,{big + 3},9\n"
    (tmp_path / "x").write_text(text)
    asked = {"user": [big + 1, big + 2, None, 7, None, 7, big + 3], "dose": [0.5, 2, 2, 0.5, 0.5, 2, 2]}
    expected = model.decision_function(encoder.transform(asked))
    np.testing.assert_array_equal(predictions(capsys, tmp_path / "m", tmp_path / "x"), expected)
    assert run("evaluate", tmp_path / "m", tmp_path / "x", "--target", "y") == 0
    (tmp_path / "x").write_text("dose,user\n0.5,bob\n")
    assert run("predict", tmp_path / "m", tmp_path / "x") == 2
    assert "x, line 2: found 'bob' in column 'user', expected a number" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["fm", "afm"])
def test_overall_contributions(kind, folder, tmp_path, capsys):
    """As a loop over the rows finds them, in parts of the file and at once; as a table and as CSV."""
    out = tmp_path / "m"
    assert run("train", folder / "train.csv", "--out", out, "--model", kind, "--epochs", 5, *COMMON) == 0
    (tmp_path / "long").write_text(text_of(rows_of(5000, 2)), "utf-8", newline="")
    saved = saving.load(out)
    totals, count = {}, 0
    for batch, _, _ in table.parts(str(tmp_path / "long"), saved, saved.encoder, None, None, True):
        parts = explain.contributions(saved.model, saved.params, batch)
        fields = saved.encoder.columns
        for row in range(len(batch)):
            for j, name in enumerate(fields):
                totals[name, ""] = totals.get((name, ""), 0) + abs(float(parts.linear[row, j]))
            for p, (i, j) in enumerate(zip(batch.pair_i, batch.pair_j, strict=True)):
                key = fields[i], fields[j]
                totals[key] = totals.get(key, 0) + abs(float(parts.pair[row, p]))
            count += 1
    capsys.readouterr()
    assert run("explain", out, tmp_path / "long", "--overall", "--csv") == 0
    printed = capsys.readouterr()
    header, *rows = csv.reader(io.StringIO(printed.out))
    assert header == ["field", "with_field", "mean_absolute_contribution"] and len(rows) == 3 + 3
    assert {(a, b): float(value) for a, b, value in rows} == pytest.approx(
        {key: value / count for key, value in totals.items()}, rel=1e-4)
    assert [float(row[2]) for row in rows] == sorted((float(row[2]) for row in rows), reverse=True)
    assert "not of causes" in printed.err and "The split between fields and pairs is not unique" in printed.err
    assert run("explain", out, tmp_path / "long", "--overall", "--top", 2) == 0
    first, *lines, caution = capsys.readouterr().out.split("\n", 5)
    assert first == "mean |contribution| in 5000 rows" and caution.startswith("These are the sizes")
    assert [line.split("  ")[-1] for line in lines[:2]] == [" x ".join(filter(None, row[:2])) for row in rows[:2]]
    rest = sum(float(row[2]) for row in rows[2:])
    assert lines[2].endswith("  4 others together") and float(lines[2].split()[0]) == pytest.approx(rest, abs=1e-4)


def test_overall_of_libfm_rows(tmp_path, capsys):
    """Where each row has as many features the slots are fields; where they differ it is refused."""
    path, out = tmp_path / "rows", tmp_path / "m"
    path.write_text("1 0:1 2:1 5:1\n0 1:1 3:1 5:1\n" * 10)
    assert run("train", path, "--out", out, "--loss", "logistic", "--epochs", 1, "--quiet") == 0
    capsys.readouterr()
    assert run("explain", out, path, "--overall") == 0
    assert {"slot 1", "slot 1 x slot 3"} <= set(re.findall(r"\d  (slot.*)", capsys.readouterr().out))
    path.write_text("1 0:1 2:1 5:1\n0 1:1 3:1\n" * 10)
    assert run("explain", out, path, "--overall") == 2
    assert "its rows differ in length, so a slot is not the same field in all of them" in capsys.readouterr().err
    for text in ("1 0:1 2:1\n0 2:1 0:1\n", "1 0:1 2:1\n" * 5000 + "0 2:1 0:1\n"):      # at once, and in a later part
        path.write_text(text)
        assert run("explain", out, path, "--overall") == 2
        assert "its rows have a feature in more than one slot, so a slot is not the same" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("explain", out, path, "--csv")
    assert "--csv goes with --overall" in capsys.readouterr().err


@pytest.mark.parametrize("config", [
    {"table": 5}, {"table": {"target": 5, "delimiter": 5, "classes": 5}}, {"table": {"delimiter": ";;"}}, [], 7,
    {"fitted": {"classes_": 3}}, {"fitted": []}, {"fitted": {"classes_": {"values": 7}}},
    {"table": {"classes": [[], {}]}},
])  # fmt: skip
def test_a_file_that_says_other_things_of_its_tables_ends_in_one_line(config, folder, model, tmp_path, capsys):
    saved = saving.load(model)
    saving.save(tmp_path / "m", saved.model, saved.params, encoder=saved.encoder, config=config)
    capsys.readouterr()
    for command in ("predict", "evaluate", "explain"):
        status = run(command, tmp_path / "m", folder / "test.csv")
        assert status in (0, 2) and capsys.readouterr().err.count("\n") == (status == 2)

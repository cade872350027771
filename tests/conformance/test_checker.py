import math
import time

import numpy as np
import pytest

from afm_numpy.conformance import ResultError, Results, check, check_results, kit, load_case, load_cases


def right(number):
    return dict(load_case(number)["expect"])


def changed(tensor, by=0.1):
    return [changed(part, by) if isinstance(part, list) else part + by for part in tensor]


def only(report):
    (result,) = report.results
    return result


def test_right_values_pass():
    everything = {name: case["expect"] for name, case in load_cases().items()}
    report = check_results(Results(cases=everything))
    assert report.ok and report.counts == {"passed": len(everything), "failed": 0, "equivalent": 0, "skipped": 0}
    assert "in part" not in str(report)


def test_what_is_not_reported_is_skipped():
    report = check_results(Results(cases={"01-onehot": right("01")}, skipped={"02-real-values": "later"}))
    assert report.counts == {"passed": 1, "failed": 0, "equivalent": 0, "skipped": len(load_cases()) - 2 + 1}
    assert "skipped, later: 02-real-values" in str(report)


def test_a_missing_capability_skips_and_never_passes():
    everything = {name: case["expect"] for name, case in load_cases().items()}
    report = check_results(Results(cases=everything, capabilities=["fm", "float64"]))
    for result in report.results:
        case = load_cases()[result.id]
        assert result.status == ("passed" if set(case["requires"]) <= {"fm", "float64"} else "skipped")


def test_nothing_reported_is_not_ok():
    assert not check_results(Results(cases={"01-onehot": {}})).ok


def test_the_root_is_told_from_what_follows(port):
    values = port["simulate"](load_case("01"), ("SOFTMAX_OF_ONE",))
    result = only(check("01", values))
    assert [root.name for root in result.roots] == ["attn"]
    assert result.roots[0].mistakes == {"SOFTMAX_OF_ONE"}
    assert "pooled" in result.follows and "y_hat" in result.follows and "score" not in result.follows


def test_two_branches_give_two_roots(port):
    values = right("01")
    values["linear"], values["hid"] = changed(values["linear"]), changed(values["hid"])
    names = [root.name for root in only(check("01", values)).roots]
    assert {"linear", "hid"} <= set(names)


def test_says_what_to_report_next():
    values = {name: right("01")[name] for name in ("prod", "score")} | {"y_hat": changed(right("01")["y_hat"])}
    report = check("01", values)
    assert only(report).roots[0].narrow == [
        "active_ptr",
        "active_ids",
        "active_x",
        "linear",
        "attn",
        "pooled",
        "inter",
    ] or set(only(report).roots[0].narrow) >= {"attn", "pooled", "inter"}
    assert "to narrow down" in str(report)
    assert "score" not in only(report).roots[0].narrow


def test_names_a_mistake_through_tensors_that_were_not_reported(port):
    values = port["simulate"](load_case("02"), ("P_MISSING",))
    report = check("02", {"y_hat": values["y_hat"]})
    assert "P_MISSING" in only(report).roots[0].mistakes


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_finite_is_wrong(bad):
    values = {"y_hat": [bad, *right("01")["y_hat"][1:]]}
    assert "not finite" in only(check("01", values)).roots[0].problem


def test_an_all_nan_tensor_is_wrong_everywhere():
    for name, case in load_cases().items():
        values = {t: np.full(np.shape(v), math.nan) for t, v in case["expect"].items()}
        assert only(check(name, values)).status == "failed"


def test_wrong_shapes_are_wrong():
    W = np.array(right("26")["g_W"])
    assert "shape" in only(check("26", {"g_W": W.T})).roots[0].problem
    assert only(check("26", {"g_W": W.ravel()})).status == "passed"
    assert "shape" in only(check("26", {"g_W": W.ravel()[:-1]})).roots[0].problem
    assert "shape" in only(check("26", {"loss": [1.0, 2.0]})).roots[0].problem


def test_features_and_pairs_in_another_order_are_right():
    values, case = right("10"), load_case("10")
    ptr, order = values["active_ptr"], []
    for start, end in zip(ptr, ptr[1:], strict=False):
        order += sorted(range(start, end), key=lambda a: values["active_ids"][a])
    for name in kit.BY_FEATURE:
        if name in values:
            values[name] = [values[name][a] for a in order]
    keys = [(r, *sorted((i, j))) for r, i, j in values["pair_keys"]]
    pairs = sorted(range(len(keys)), key=lambda q: keys[q], reverse=True)
    for name in kit.BY_PAIR:
        if name in values:
            values[name] = [values[name][q] for q in pairs]
    assert values["active_ids"] != case["expect"]["active_ids"] and values["pair_keys"] != case["expect"]["pair_keys"]
    report = check("10", values)
    assert report.ok, str(report)


def test_a_score_bias_of_any_size_is_equivalent():
    values = right("01")
    values["score"] = changed(values["score"], -2.7)
    report = check("01", values)
    assert only(report).status == "equivalent" and report.named == [["SCORE_BIAS"]] and report.ok


def test_a_wrong_intermediate_that_nothing_explains_is_a_failure():
    values = right("01")
    values["attn"] = changed(values["attn"])
    report = check("01", values)
    assert only(report).status == "failed" and report.named == []
    assert "not in the catalogue: 1 of 1" in str(report)


def test_unknown_tensors_are_told():
    report = check("01", right("01") | {"logits": [1.0], "acc_V": [1.0]})
    assert report.ok and "no tensors of the kit, ignored: logits" in str(report)
    assert only(report).unknown == ["logits"]


def test_float32_has_its_own_tolerance():
    values = {"y_hat": np.float32(right("01")["y_hat"])}
    assert check("01", values, dtype="float32").ok and not check("01", values).ok


def test_indices_that_no_table_has_are_survived():
    values = right("03")
    for bad in ([99] * len(values["active_ids"]), [-1] * len(values["active_ids"]), [0.5] * len(values["active_ids"])):
        assert only(check("03", {**values, "active_ids": bad})).status == "failed"
    for bad in ([0, 1], [0, 9, 3, 8], [5, 5, 5, 5]):
        assert only(check("03", {**values, "active_ptr": bad})).status == "failed"
    keys = [[0, 9, 9]] * len(values["pair_keys"])
    assert only(check("03", {**values, "pair_keys": keys})).status == "failed"


def test_whole_floats_are_integers(port):
    values = port["simulate"](load_case("03"), ("ZEROS_KEPT",))
    as_floats = {name: np.array(value, float) for name, value in values.items()}
    assert check("03", as_floats).named == [["ZEROS_KEPT"]]
    assert only(check("03", {"active_ids": np.array(right("03")["active_ids"], float)})).status == "passed"


def test_the_worst_file_takes_little_time():
    """Every number of every tensor is wrong: the search for mistakes has a budget."""
    rng = np.random.default_rng(0)
    for change in (lambda v: v * 1.1 + 0.1, lambda v: v * np.nan, lambda v: rng.normal(size=v.shape)):
        with np.errstate(all="ignore"):
            wrong = {
                name: {t: change(np.array(v, float)).tolist() for t, v in case["expect"].items()}
                for name, case in load_cases().items()
            }
        start = time.process_time()
        report = check_results(Results(cases=wrong))
        assert time.process_time() - start < 4  # 2 s on a machine of one's own
        assert report.counts["failed"] == len(load_cases())


def test_check_refuses_what_is_no_tensor():
    with pytest.raises(ResultError, match="no number"):
        check("01", {"y_hat": ["high", "low", "high"]})
    with pytest.raises(ResultError, match="dtype"):
        check("01", {"y_hat": right("01")["y_hat"]}, dtype="float16")

import json
import math
import time

import numpy as np
import pytest
import simulated_port

from afm_numpy.conformance import ResultError, Results, check, check_results, kit, load_case, load_cases
from afm_numpy.conformance.literal.derivative import twin


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


def test_a_part_is_told_from_the_whole():
    pointers = {name: {"active_ptr": case["expect"]["active_ptr"]} for name, case in load_cases().items()
                if "active_ptr" in case["expect"]}  # fmt: skip
    report = check_results(Results(cases=pointers))
    assert report.ok and report.in_part == len(pointers) == 45 and not report.complete
    last = str(report).splitlines()[0]
    assert last == "float64: 0 passed, 45 passed in part, 0 failed, 15 skipped (not every tensor was reported)"
    everything = {name: case["expect"] for name, case in load_cases().items()}
    assert check_results(Results(cases=everything)).complete
    assert check_results(Results(dtype="float32", cases=everything)).complete  # case 00 needs float64
    assert not check_results(Results(cases=everything | {"01-onehot": {"y_hat": right("01")["y_hat"]}})).complete
    del everything["01-onehot"]
    assert not check_results(Results(cases=everything)).complete


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


def test_the_root_is_told_from_what_follows():
    values = simulated_port.simulate(load_case("01"), ("SOFTMAX_OF_ONE",))
    result = only(check("01", values))
    assert [root.name for root in result.roots] == ["attn"]
    assert result.roots[0].mistakes == {"SOFTMAX_OF_ONE"}
    assert "pooled" in result.follows and "y_hat" in result.follows and "score" not in result.follows


def test_two_branches_give_two_roots():
    values = right("01")
    values["linear"], values["hid"] = changed(values["linear"]), changed(values["hid"])
    names = [root.name for root in only(check("01", values)).roots]
    assert {"linear", "hid"} <= set(names)


def test_says_what_to_report_next():
    values = {name: right("01")[name] for name in ("prod", "score")} | {"y_hat": changed(right("01")["y_hat"])}
    report = check("01", values)
    assert set(only(report).roots[0].narrow) >= {"attn", "pooled", "inter"}
    assert "to narrow down" in str(report)
    assert "score" not in only(report).roots[0].narrow


def test_after_a_step_the_new_parameters_are_asked_for():
    """Not the gradients of the step before: the optimizer may not exist yet."""
    values = {"s0/y_hat": right("29")["s0/y_hat"], "s1/y_hat": changed(right("29")["s1/y_hat"])}
    narrow = only(check("29", values)).roots[0].narrow
    assert narrow == ["s0/new_w0", "s0/new_w", "s0/new_V", "s0/new_p", "s0/new_free", "s1/attn"]
    values = {"s0/y_hat": right("38")["s0/y_hat"], "s1/acc_w": changed(right("38")["s1/acc_w"])}
    narrow = only(check("38", values)).roots[0].narrow
    assert {"s0/acc_w", "s0/new_w", "s1/g_w"} <= set(narrow) and "s0/acc_V" not in narrow and "s0/g_w" not in narrow


def test_names_a_mistake_through_tensors_that_were_not_reported():
    values = simulated_port.simulate(load_case("02"), ("P_MISSING",))
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
    assert only(check("26", {"g_W": W.ravel().tolist()})).status == "passed"
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


def test_keys_of_a_later_step_tell_its_order():
    """Case 29 has no pair_keys; a port that sorts its rows reports them with the prefix of the step."""
    values, keys = right("29"), [[0, 1, 4], [1, 2, 3], [1, 2, 6], [1, 3, 6]]
    kit_order = [(0, 1, 4), (1, 3, 6), (1, 2, 6), (1, 2, 3)]
    values["s1/attn"] = [values["s1/attn"][kit_order.index(tuple(key))] for key in keys]
    assert values["s1/attn"] != right("29")["s1/attn"]
    assert not check("29", values).ok
    assert check("29", {**values, "s1/pair_keys": keys}).ok
    assert not check("29", {**values, "s0/pair_keys": keys}).ok


def test_an_order_that_was_not_told_is_hinted():
    values = right("01")
    for name in kit.BY_PAIR:
        if name in values:
            values[name] = values[name][::-1]
    assert check("01", values).ok
    keys = values.pop("pair_keys")
    report = check("01", values)
    assert not report.ok and "the rows are right, in another order: report pair_keys too" in str(report)
    hints = {root.name: root.hint for root in only(report).roots}
    assert hints["prod"] and hints["attn"] and not hints.get("pooled")
    values["attn"] = changed(values["attn"])
    assert not {root.name: root.hint for root in only(check("01", values)).roots}["attn"]
    hints = {root.hint for root in only(check("01", {**values, "pair_keys": keys})).roots}
    assert hints == {"every number is off by 0.1"}


def without_two_in_W():
    values = {name: right(name) for name in ("12", "13")}
    for name in values:
        case = load_case(name)
        W, lam = np.array(case["params"]["W"]), case["config"]["lam_W"]
        values[name]["g_W"] = (np.array(values[name]["g_W"]) - lam * W).tolist()
    return {load_case(name)["id"]: value for name, value in values.items()}


def test_a_mistake_in_one_tensor_alone():
    """The factor 2 is missing in the gradient of W and in no other; what would change more is not named."""
    report = check_results(Results(cases=without_two_in_W()))
    assert report.named == [["L2_GRADIENT_WITHOUT_TWO"]]
    assert "likely: L2_GRADIENT_WITHOUT_TWO, in this tensor alone" in str(report)
    assert all(root.alone for result in report.results for root in result.roots)
    (case,) = {"12-l2-attention"} & set(without_two_in_W())
    assert "alone" not in str(check(case, without_two_in_W()[case]))


def test_mistakes_of_a_text_are_named_for_a_text_only():
    """Momentum moves resting rows of w, and of w alone: no mistake in reading has a part in it."""
    values = {}
    for number in ("29", "37"):
        case = load_case(number)
        wrong = simulated_port.simulate(case, ("MOMENTUM_DENSE",))
        values[case["id"]] = {name: wrong[name] if name.endswith(("vel_w", "new_w", "y_hat")) else value
                              for name, value in case["expect"].items()}  # fmt: skip
        for step in range(len(case["batches"])):  # what follows from w: everything is recomputed from the port's w
            del values[case["id"]][f"s{step}/y_hat"]
    report = check_results(Results(cases=values))
    assert {"MOMENTUM_DENSE", "TOUCHED_FOR_EVER"} & set(report.names)
    assert not {m for group in report.named for m in group if m.startswith(("TEXT", "DROPOUT"))}


def test_numbers_that_look_alike_are_shown_in_full():
    values = {"loss": right("14")["loss"] + 1e-11}
    (root,) = only(check("14", values)).roots
    got, want = root.problem.split("got ")[1].split(", off")[0].split(", want ")
    assert float(got) == values["loss"] and float(want) == right("14")["loss"] and got != want
    assert "off by 1" in root.problem and "is allowed" in root.problem
    assert "allowed" not in only(check("14", {"loss": 2.0})).roots[0].problem


def test_a_failed_case_00_is_told_alone():
    def six(value):
        return [six(part) for part in value] if isinstance(value, list) else float(f"{value:.6g}")

    values = {name: {t: six(v) for t, v in case["expect"].items()} for name, case in load_cases().items()}
    report = check_results(Results(cases=values))
    text = str(report)
    assert text.splitlines()[-1].startswith("case 00 failed: fix it first; ") and len(text.splitlines()) < 10
    assert "READ_SIX_DIGITS" in text and "01-onehot" not in text
    assert "01-onehot" in report.text(everything=True) and report.counts["failed"] > 30
    one = check_results(Results(cases={"00-selftest-floats": {"echo": [0.5] * 9}}))
    assert "float64: 0 passed, 1 failed" in str(one)


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


def test_whole_floats_are_integers():
    values = simulated_port.simulate(load_case("03"), ("ZEROS_KEPT",))
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


def test_keys_of_pairs_may_be_turned_round_in_the_kits_own_order():
    values = right("01")
    values["pair_keys"] = [[r, j, i] for r, i, j in values["pair_keys"]]
    assert check("01", values).ok
    values["attn"] = changed(values["attn"])
    assert {root.name for root in only(check("01", values)).roots} >= {"attn"}


@pytest.mark.parametrize("number", ["29", "37", "46"])
def test_later_batches_of_a_port_without_an_optimizer_are_skipped(number):
    values = simulated_port.simulate(load_case(number), ("UPDATE_MISSING",))
    early = ("y_hat", "attn", "loss", "g_w")
    values = {name: value for name, value in values.items() if name.rpartition("/")[2] in early}
    result = only(check(number, values))
    assert (result.status, result.reason) == ("skipped", "needs s0/new_*: the next batch begins from them")
    values["s0/y_hat"] = changed(values["s0/y_hat"])
    assert only(check(number, values)).status == "failed"
    values = simulated_port.simulate(load_case(number), ("UPDATE_MISSING",))
    assert "UPDATE_MISSING" in check(number, values).names  # it says that it has an optimizer


def test_a_declared_shape_must_be_right():
    g_W, y_hat = right("26")["g_W"], right("26")["y_hat"]
    flat = {"shape": [6], "data": [z for row in g_W for z in row]}
    assert only(check("26", {"g_W": flat["data"]})).status == "passed"
    for values in ({"g_W": flat}, {"g_W": np.array(g_W).ravel()}, {"y_hat": y_hat[0]}, {"y_hat": [y_hat]}):
        report = check("26", values)
        assert report.names == ["SHAPE_CHANGED"] and "got shape" in str(report)
    for loss in (np.array(right("26")["loss"]), right("26")["loss"], {"shape": [], "data": [right("26")["loss"]]}):
        assert check("26", {"loss": loss}).ok
    assert not check("26", {"loss": np.array([right("26")["loss"]])}).ok
    assert check("42", {"prod": {"shape": [0, 5], "data": []}, "attn": []}).ok


def test_a_place_is_told_in_words():
    values = json.loads(json.dumps(right("01")))
    values["pre"][3][1] += 1.0
    values["emb"][4][0] += 1.0
    values["y_hat"][2] += 1.0
    values["g_V"][5][1] += 1.0
    values["g_h"][2] += 1.0
    problems = {root.name: root.problem for root in only(check("01", values)).roots}
    row, i, j = right("01")["pair_keys"][3]
    assert f"the worst at row {row}, ids {i} and {j}, unit 1: " in problems["pre"]
    assert "the worst at row 1, id 4, factor 0: " in problems["emb"]
    assert "the worst at row 2: " in problems["y_hat"] and "the worst at unit 2: " in problems["g_h"]
    assert "the worst at id 5, factor 1: " in problems["g_V"]


def test_two_mistakes_in_one_tensor_are_joined_by_and():
    values = simulated_port.simulate(load_case("02"), ("W0_MISSING", "SIGMOID_IN_MODEL"))
    report = check("02", values)
    assert "likely: SIGMOID_IN_MODEL and W0_MISSING" in str(report) and " or " not in str(report).split("likely")[1]


def single(value):
    return [single(part) for part in value] if isinstance(value, list) else float(np.float32(value))


def short(value):
    return [short(part) for part in value] if isinstance(value, list) else float(f"{value:.13g}")


@pytest.mark.parametrize("shortened, name", [(single, "READ_SINGLE_PRECISION"), (short, "DIGITS_LOST")])
def test_numbers_that_lost_digits_have_a_name(shortened, name):
    values = {number: {t: value if t in kit.INTEGER else shortened(value) for t, value in right(number).items()}
              for number in ("02", "47")}  # fmt: skip
    report = check_results(Results(cases={load_case(number)["id"]: value for number, value in values.items()}))
    assert report.names == [name] and all(name in root.mistakes for result in report.results for root in result.roots)
    assert ("from this step on numbers are float32" in str(report)) == (name == "READ_SINGLE_PRECISION")


def test_a_float32_port_that_says_float64_has_one_name():
    cases = {name: case for name, case in load_cases().items() if name[:2] in ("01", "02", "22", "30", "46", "51")}
    values = {name: simulated_port.simulate(case, (), simulated_port.Single(5)) for name, case in cases.items()}
    report = check_results(Results(cases=values))
    assert report.names == ["READ_SINGLE_PRECISION"], str(report)


def test_a_small_error_in_double_precision_is_not_called_single_precision():
    values = right("02")
    values["attn"] = [a / (1 + 1e-10) for a in values["attn"]]
    assert "READ_SINGLE_PRECISION" not in check("02", values).names


def test_the_derivatives_of_the_right_forward_pass_are_right():
    for case in load_cases().values():
        if case["config"]["model"] in ("fm", "afm"):
            chain = twin(case, {}, [{} for _ in case["batches"]])
            values = {full: simulated_port.plain(chain[step][name]) for full, step, name in kit.tensors(case)}
            assert only(check(case["id"], values)).status == "passed", case["id"]


@pytest.mark.parametrize("mistake", ["SOFTMAX_OF_ONE", "SOFTMAX_OVER_BATCH", "SIGMOID_FOR_SOFTMAX", "P_MISSING",
                                     "SIGMOID_IN_MODEL", "LABELS_BROADCAST"])  # fmt: skip
def test_automatic_differentiation_differentiates_the_mistake(mistake):
    import first_names

    values = first_names.ports(mistake, "autograd")
    assert first_names.first_group(values, "everything") == [mistake]
    assert mistake in first_names.first_group(values, "predictions and gradients")


@pytest.mark.parametrize("mistake", ["ATTENTION_CUT", "GRADIENTS_ACCUMULATED", "RELU_IN_PLACE", "DROPOUT_IN_PLACE"])
def test_what_frameworks_do_behind_ones_back_has_a_name(mistake):
    assert simulated_port.diagnose((mistake,))[1] == [[mistake]]


def test_the_mistake_whose_evidence_is_missing_comes_second():
    """Without b, or with b after ReLU: the attention is the same, and a port that has no g_b is likely without b."""
    values = simulated_port.simulate(load_case("51"), ("BIAS_MISSING",))
    names = check("51", {name: values[name] for name in ("attn", "y_hat")}).names
    assert names[0] == "BIAS_MISSING"


def test_expected_failures():
    wrong = {"01-onehot": {"y_hat": [0.0, 0.0, 0.0]}, "02-real-values": right("02")}
    report = check_results(Results(cases=wrong), expected={"01-onehot": "no b", "02-real-values": "zeros"})
    assert report.ok and "FAILED 01-onehot, as expected: no b" in str(report)
    assert "expected to fail, and right: 02-real-values; take them out of the list" in str(report)
    assert not check_results(Results(cases=wrong), expected={"02-real-values": ""}).ok


def test_a_port_with_other_counts_is_named():
    values = simulated_port.simulate(load_case("03"), ("ZEROS_KEPT",))
    values["linear"] = [z + 1e-9 for z in values["linear"]]
    values["emb"] = [[z + 1e-9 for z in row] for row in values["emb"]]
    assert check("03", values).names[0] == "ZEROS_KEPT"


def everywhere(change, *names):
    """The report on a port that has these tensors wrong in every case: change(what is right)."""
    def of(case):
        return {name: change(value) if name.rpartition("/")[2] in names else value
                for name, value in case["expect"].items()}  # fmt: skip

    return check_results(Results(cases={name: of(case) for name, case in load_cases().items()}))


def times(factor):
    return lambda tensor: (np.array(tensor) * factor).tolist()


@pytest.mark.parametrize("name, change, words", [
    ("d_pre", times(3.0), "every number is 3 times the right one"),
    ("g_p", times(0.0), "every number is 0"),
    ("loss_reg", times(2.0), "every number is 2 times the right one"),
    ("d_prod", lambda tensor: (np.array(tensor) + 0.25).tolist(), "every number is off by 0.25"),
])  # fmt: skip
def test_a_tensor_without_a_name_is_described(name, change, words):
    report = everywhere(change, name)
    assert words in str(report)
    assert not any(root.hint for root in only(check("01", {"y_hat": changed(right("01")["y_hat"][:1])})).roots)


def test_a_mistake_that_gives_few_of_many_wrong_tensors_is_not_named():
    """A gradient of p that is always 0: rows cut to nothing, or clipped, give 0 too in one case or another."""
    report = everywhere(times(0.0), "g_p")
    assert report.counts["failed"] > 40 and report.names == [], report.names
    report = everywhere(lambda tensor: [float(s == max(tensor)) for s in tensor], "attn")
    assert report.names == [], report.names


def test_keys_of_pairs_do_not_prove_themselves():
    """The last feature of a row has no pair: no mistake of the catalogue, though the keys fit the port's own pairs."""
    def without_last(name, case):
        values, trace = dict(case["expect"]), kit.load_case(name)["expect"]
        ends = set(trace["active_ptr"][1:])
        last = {(r, trace["active_ids"][end - 1]) for r, end in enumerate(sorted(ends - {0}))}
        values["pair_keys"] = [key for key in values["pair_keys"] if (key[0], key[2]) not in last]
        return values

    cases = {name: without_last(name, kit.load_case(name)) for name in ("01-onehot", "09-ragged", "40-wide")}
    report = check_results(Results(cases=cases))
    assert report.counts["failed"] and "PAIRS_BEYOND_32" not in report.names, report.names

"""Mutation testing: change a module in one small place after the other, and see that its tests notice each change.

    python tests/tools/mutation.py                        all modules, some minutes; prints the table of tests/README.md
    python tests/tools/mutation.py fm losses              two of them
    python tests/tools/mutation.py --changed main~3       those that changed since a revision; all if none did
    python tests/tools/mutation.py --seconds 90           a sample of the mutants; another one when the code is another

mutmut makes the mutants, in a copy of the tree, and `forks.py` runs their tests. A mutant that survives must stand in
tests/tools/equivalent_mutants.md, with the reason why no test can tell it from the code; a mutant there must survive.
Exit status 1 says that one of the two does not hold.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
MODULES = {  # below afm_numpy: the tests that must notice, below tests, with spaces between them
    "fm": "test_fm", "attention": "test_attention", "afm": "test_afm", "losses": "test_losses", "optim": "test_optim",
    "metrics": "test_metrics", "_checks": "test__checks test_batch", "batch/batch": "test_batch",
    "batch/rows": "test_batch", "batch/ragged": "test_batch", "fast/afm_once_per_pair": "fast/test_afm_once_per_pair",
    "fast/pairs": "fast/test_afm_once_per_pair", "fast/fm_once_per_feature": "fast/test_fm_once_per_feature",
    "fast/numbering": "fast/test_numbering",
    "gradcheck/checking":
        "gradcheck/test_checking gradcheck/test_conditions gradcheck/test_measuring gradcheck/test_slopes",
    "gradcheck/conditions": "gradcheck/test_conditions gradcheck/test_checking",
    "gradcheck/measuring": "gradcheck/test_measuring gradcheck/test_slopes gradcheck/test_conditions",
    "gradcheck/curves": "gradcheck/test_curves", "gradcheck/layers": "gradcheck/test_layers",
    "gradcheck/report": "gradcheck/test_report", "gradcheck/slopes": "gradcheck/test_slopes",
    "gradcheck/trees": "gradcheck/test_trees", "estimators/base": "estimators/test_base",
    "encode/columns": "encode/test_columns", "conformance/compare": "conformance/test_compare",
}  # fmt: skip
LEFT_OUT = "afm_numpy._checks.x_warn__"  # looks at the stack, where mutmut adds frames; see estimators/test_base
SAMPLE = 240  # mutants of a sample, over all modules
OPTIONS = (
    "-pno:cacheprovider", "--assert=plain", "--hypothesis-profile=mutation",
    "--deselect=tests/estimators/test_base.py::test_warnings_point_to_the_call",
)  # fmt: skip
SETTINGS = """
[mutmut]
source_paths = afm_numpy
only_mutate = afm_numpy/{module}.py
pytest_add_cli_args =
    {options}
pytest_add_cli_args_test_selection =
    {tests}
"""


class Mutant(NamedTuple):
    """A change of one line, or of the few lines of one expression."""

    function: str  # module.function or module.Class.method
    old: str
    new: str


# ---- mutmut --------------------------------------------------------------------------------------------


def run(module, size=None):
    """The mutants of a module, or a sample of them, each with whether it was noticed. Works in a copy of the tree."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.mutation.file_mutation import mutate_file_contents
    from mutmut.utils.format_utils import mangled_name_from_mutant_name, orig_function_and_class_names_from_key

    shutil.rmtree("mutants", ignore_errors=True)
    tests = list(map(tests_path, MODULES[module].split()))
    settings = SETTINGS.format(module=module, options="\n    ".join(OPTIONS), tests="\n    ".join(tests))
    Path("setup.cfg").write_text((ROOT / "setup.cfg").read_text(encoding="utf-8") + settings, encoding="utf-8")
    path = Path("afm_numpy", f"{module}.py")
    code = undecorated(source(module))
    path.write_text(code, encoding="utf-8")
    names = [f"afm_numpy.{dotted(module)}.{name}" for name in mutate_file_contents(str(path), code).mutant_names]
    names = [name for name in names if not name.startswith(LEFT_OUT)]
    if size:
        names = random.Random(code).sample(names, min(size, len(names)))
    # With one mutant mutmut writes the code of all, and which test calls which function.
    said("-c", "from mutmut.__main__ import cli; cli()", "run", "--max-children", "1", names[0])
    stats = json.loads(Path("mutants/mutmut-stats.json").read_text(encoding="utf-8"))
    seconds, tests_of = stats["duration_by_test"], stats["tests_by_mangled_function_name"]
    plan = {}
    for name in names:  # the quick tests first
        own = sorted(tests_of.get(mangled_name_from_mutant_name(name), []), key=lambda test: seconds.get(test, 0.0))
        plan[name] = own, 30 + 4 * int(sum(seconds.get(test, 0.0) for test in own))
    Path("plan.json").write_text(json.dumps(plan), encoding="utf-8")
    forks = Path(__file__).with_name("forks.py")
    said(forks, "../plan.json", "../results.json", "--rootdir=.", "-q", *OPTIONS, *tests, cwd="mutants")
    results = json.loads(Path("results.json").read_text(encoding="utf-8"))
    for name in names:
        function, cls = orig_function_and_class_names_from_key(name)
        old, new = changed(get_diff_for_mutant(name, path=path).splitlines()[2:])
        mutant = Mutant(".".join(filter(None, (dotted(module), cls, function))), old, new)
        yield mutant, results[name] != 0


def said(*command, cwd="."):
    """Run Python; when it fails, stop with the end of what it said."""
    done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd)
    if done.returncode:
        sys.exit(f"{command[0]} stopped:\n{done.stdout.decode()[-3000:]}")


def tests_path(name):
    """tests/name.py, or the folder tests/name."""
    return f"tests/{name}" + (".py" if (ROOT / "tests" / f"{name}.py").exists() else "")


def dotted(module):
    return module.replace("/", ".")


def module_of(mutant):
    """The module that a mutant of the list belongs to."""
    own = [module for module in MODULES if mutant.function.startswith(f"{dotted(module)}.")]
    return max(own, key=len, default=None)


def source(module):
    return (ROOT / "afm_numpy" / f"{module}.py").read_text(encoding="utf-8")


def undecorated(code):
    """`name = property(name)` after a method instead of `@property` above it: mutmut passes decorated ones over."""
    lines = code.splitlines()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef) and len(node.decorator_list) == 1:
            name = ast.unparse(node.decorator_list[0])
            if name in ("property", "cached_property") or name.startswith("lru_cache"):
                lines[node.decorator_list[0].lineno - 1] = ""
                lines[node.end_lineno - 1] += f"\n{' ' * node.col_offset}{node.name} = {name}({node.name})"
    return "\n".join(lines) + "\n"


def changed(diff):
    """The lines before and after, without comments and with single spaces."""
    plain = [(line[:1], " ".join(re.sub(r"  +# .*", "", line[1:]).split())) for line in diff]
    return tuple(" ".join(text for sign, text in plain if sign == which) for which in "-+")


# ---- the list of the equivalent ones -------------------------------------------------------------------


def listed():
    """The mutants of tests/tools/equivalent_mutants.md."""
    text = Path(__file__).with_name("equivalent_mutants.md").read_text(encoding="utf-8")
    for function, block in re.findall(r"^### `(.+?)`$.*?^```diff\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("-"):
                old = line[1:].strip()
            else:
                yield Mutant(function, old, line[1:].strip())


# ---- the command ---------------------------------------------------------------------------------------


def since(base):
    """The modules that changed since a revision, or their tests; all if none did, or git cannot tell."""
    git = ["git", "-C", ROOT, "diff", "--name-only", base, "--", "afm_numpy", "tests"]
    done = subprocess.run(git, capture_output=True, text=True)
    if done.returncode:
        return list(MODULES)
    lines = done.stdout.splitlines()
    changed = [
        module for module, tests in MODULES.items()
        if f"afm_numpy/{module}.py" in lines
        or any(line.startswith(tuple(f"tests/{name}" for name in tests.split())) for line in lines)
    ]  # fmt: skip
    return changed or list(MODULES)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="module", help=f"some of {', '.join(MODULES)}")
    parser.add_argument("--changed", metavar="REVISION", help="the modules that changed since")
    parser.add_argument("--seconds", type=float, help=f"{SAMPLE} mutants, and no new module after this time")
    options = parser.parse_args()
    modules = options.modules or (since(options.changed) if options.changed else list(MODULES))
    if unknown := set(modules) - set(MODULES):
        parser.error(f"no such module: {', '.join(sorted(unknown))}; choose from {', '.join(MODULES)}")
    if options.seconds:
        random.Random("".join(map(source, modules))).shuffle(modules)

    start, equivalent, wrong = time.monotonic(), set(listed()), []
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONHASHSEED="0")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("afm_numpy", "tests"):
            shutil.copytree(ROOT / name, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__"))
        os.chdir(folder)
        print("| module | mutants | killed | equivalent |\n|---|---|---|---|")
        for module in modules:
            if options.seconds and time.monotonic() - start > options.seconds:
                print(f"no time left for {module} and what follows")
                break
            result = list(run(module, SAMPLE // len(modules) if options.seconds else None))
            shutil.copy(ROOT / "afm_numpy" / f"{module}.py", f"afm_numpy/{module}.py")
            alive = [mutant for mutant, killed in result if not killed]
            known = sum(mutant in equivalent for mutant in alive)
            print(f"| `{module}.py` | {len(result)} | {len(result) - len(alive)} | {known} |", flush=True)
            wrong += [("survives", mutant) for mutant in alive if mutant not in equivalent]
            if not options.seconds:
                here = {mutant for mutant in equivalent if module_of(mutant) == module}
                wrong += [("does not survive, or is no mutant", mutant) for mutant in here.difference(alive)]
        os.chdir(ROOT)
    for what, (function, old, new) in wrong:
        print(f"\n### `{function}`\n{what}\n```diff\n- {old}\n+ {new}\n```")
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

"""The house stays clear: few files at its top, none too long, imports that never run in a circle."""

import ast
from pathlib import Path

import afm_numpy

PACKAGE = Path(afm_numpy.__file__).parent
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
BESIDE = PACKAGE.with_name("notebooks") / "exercises"  # as if it stood in the package, where the wheel has it
HEART = {"batch", "params", "rowgrad", "dropout", "fm", "attention", "afm", "losses", "optim", "reference"}


def dotted(path):
    """The name of a module below the package: () for the package itself."""
    parts = path.with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {dotted(path): path for path in [*FILES, *(Path("exercises", path.name) for path in BESIDE.glob("*.py"))]}


def imports(path):
    """The modules of the package that a file imports at its top; what a function imports comes later."""
    package = path.parent.parts
    file = PACKAGE / path if path in FILES else BESIDE / path.name
    nodes = list(ast.parse(file.read_text(encoding="utf-8")).body)
    while nodes:
        node = nodes.pop()
        nodes += [child for child in ast.iter_child_nodes(node) if not isinstance(node, (ast.FunctionDef, ast.Lambda))]
        if isinstance(node, ast.ImportFrom):
            base = tuple(part for part in (node.module or "").split(".") if part)
            if not node.level and base[0] != "afm_numpy":
                continue
            base = (*package[: len(package) - node.level + 1], *base) if node.level else base[1:]
            for name in node.names:
                yield (*base, name.name) if (*base, name.name) in MODULES else base


ARROWS = {name: set(imports(path)) - {name} for name, path in MODULES.items()}


def test_no_file_is_longer_than_300_lines():
    lines = {str(path): (PACKAGE / path).read_text(encoding="utf-8").count("\n") for path in FILES}
    assert {path: count for path, count in lines.items() if count > 300} == {}


def test_at_most_24_files_at_the_top():
    assert len([path for path in FILES if len(path.parts) == 1]) <= 24


def test_imports_never_run_in_a_circle():
    left = dict(ARROWS)
    while left:
        free = [name for name, targets in left.items() if not targets & left.keys()]
        assert free, {name: targets & left.keys() for name, targets in left.items()}
        for name in free:
            del left[name]


def test_the_heart_knows_nothing_of_what_stands_around_it():
    for name in [name for name in MODULES if name and name[0] in HEART]:
        assert {target[0] for target in ARROWS[name] if target} <= HEART | {"_checks", "_types"}, name


def test_what_stands_beside_the_notebooks_needs_nothing_of_its_door():
    beside = [name for name in MODULES if name[:-1] == ("exercises",)]
    assert len(beside) > 10 and not [name for name in beside if ("exercises",) in ARROWS[name]]

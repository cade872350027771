"""What `import afm_numpy` costs and offers."""

import importlib.metadata
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import afm_numpy

HEAVY = ("matplotlib", "scipy.stats", "pandas", "sklearn", "torch", "afm_numpy.plots", "afm_numpy.datasets")


def fresh(code):
    """Standard output of a new interpreter that has the package's folder on its path."""
    root = str(Path(afm_numpy.__file__).parents[1])
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_import_takes_less_than_half_a_second():
    """Processor time, and the best of three: the machine may be busy with something else."""
    code = "import time; start = time.process_time(); import afm_numpy; print(time.process_time() - start)"
    assert min(float(fresh(code)) for _ in range(3)) < 0.5


def test_import_leaves_out_what_is_needed_later():
    code = f"import sys, afm_numpy; print([name for name in {HEAVY} if name in sys.modules])"
    assert fresh(code).strip() == "[]"


def test_every_name_of_the_package_is_there():
    assert len(set(afm_numpy.__all__)) == len(afm_numpy.__all__)
    for name in afm_numpy.__all__:
        value = getattr(afm_numpy, name)
        assert inspect.ismodule(value) or inspect.isclass(value)
        if inspect.ismodule(value):
            assert value.__name__ == f"afm_numpy.{name}" and value.__doc__


def test_every_name_of_every_module_is_there_and_has_a_docstring():
    for module in (getattr(afm_numpy, name) for name in afm_numpy.__all__):
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            assert value.__doc__, f"{module.__name__}.{name}"


def test_names_can_be_used_without_importing_their_module():
    assert fresh("import afm_numpy; print(afm_numpy.encode.__name__)").strip() == "afm_numpy.encode"
    assert fresh("from afm_numpy import *; print(encode.__name__, Batch.__name__)").strip() == "afm_numpy.encode Batch"


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="module 'afm_numpy' has no attribute 'fms'"):
        _ = afm_numpy.fms


def test_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", afm_numpy.__version__)
    try:
        installed = importlib.metadata.version("afm-numpy")
    except importlib.metadata.PackageNotFoundError:
        return
    assert installed == afm_numpy.__version__


def test_the_package_says_that_it_is_typed():
    assert Path(afm_numpy.__file__).with_name("py.typed").exists()

"""What setup.cfg cannot say: the wheel has the exercises, and the notebooks without what they print and draw."""

import json
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithCourse(build_py):
    def run(self):
        super().run()
        if self.editable_mode:
            return
        package, notebooks = Path(self.build_lib, "afm_numpy"), Path(__file__).with_name("notebooks")
        shutil.copytree(notebooks / "exercises", package / "exercises", dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
        (package / "course").mkdir(exist_ok=True)
        for path in sorted(notebooks.glob("*.ipynb")):
            notebook = json.loads(path.read_text(encoding="utf-8"))
            for cell in notebook["cells"]:
                if cell["cell_type"] == "code":
                    cell |= {"outputs": [], "execution_count": None}
            (package / "course" / path.name).write_text(json.dumps(notebook, indent=1), encoding="utf-8")


setup(cmdclass={"build_py": BuildWithCourse})

"""What CONTRIBUTING.md promises: an experiment is one folder, and its example is whole."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import helpers

import conc_lab
from conc_lab.engine import tasks

PACKAGE = Path(conc_lab.__file__).parent


def test_a_task_is_a_function_and_a_line():
    """The task of the example can be calibrated, and its value is another for another argument."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    function, line = re.search(r"```python\n(def .*?)\n\n(Task\(.*?)\n```", text, re.DOTALL).groups()
    exec(function, scope := dict(vars(tasks)))
    task = eval(line, scope)
    with task.prepare(0.001) as (count,):
        values = [task.function(number) for number in (64, 256, count, count * 4)]
    assert values[0] != values[1] and values[2] != values[3] and task.function(64) == values[0]


def test_an_experiment_is_one_folder(tmp_path):
    """The folder of the example alone is listed, run, saved, loaded, drawn and offered as `lab.coin` and a panel."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shutil.copytree(PACKAGE, tmp_path / "conc_lab", ignore=shutil.ignore_patterns("__pycache__", "*.gz"))
    folder = tmp_path / "conc_lab/experiments/coin"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    blocks = r"conc_lab/experiments/coin/(\w+\.\w+)(?::|`:\n\n```json)\n(.*?)```"
    for name, code in re.findall(blocks, text, re.DOTALL):
        (folder / name).write_text(code)
    code = """if True:
        from conc_lab.__main__ import main
        assert main(["coin", "--rounds", "2", "--save", "out.json", "--chart", "out.png"]) == 0
        import conc_lab as lab
        from conc_lab.drawing import picture
        result = lab.load("out.json")
        assert "coin" in lab.__all__ and result.experiment == "coin" and len(result.frame) == 2
        assert len(picture.table(result)) == 2 and lab.panel("coin", rounds=2) is not None
        again = lab.coin(throws=3, rounds=1)
        assert 0 <= again.rows[0]["heads"] <= 3, again.rows"""
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, text=True, capture_output=True,
        timeout=helpers.LIVENESS_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.png").read_bytes()[:4] == b"\x89PNG"

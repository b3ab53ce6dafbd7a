"""The lessons: how they are written, that every cell of every one runs, and that exercises can be solved."""

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from xml.etree import ElementTree

import lab_page
import nbformat
import psutil
import pytest
from helpers import begun

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
CELL_S = 120  # the slowest cell of the quick profile takes 5 to 12 s here
NOTEBOOK_S = 600
# test_browser.py runs lesson 00, and in its slow tests the others. Without a browser, here: they take 80 s.
SOME = [path for path in NOTEBOOKS if path.name[:2] in (["09"] if lab_page.CHROMIUM else ["00", "09"])]
OTHERS = [] if lab_page.CHROMIUM else [path for path in NOTEBOOKS if path not in SOME]
EXECUTE = (
    "import sys, nbformat, nbclient; notebook = nbformat.read(sys.argv[1], 4); "
    "nbclient.execute(notebook, timeout=120); nbformat.write(notebook, sys.argv[1])"
)


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


def sources(cells, kind):
    return [cell.source for cell in cells if cell.cell_type == kind]


def every(kind):
    """(lesson, source) of every cell of this kind in every lesson."""
    return [(path.stem, source) for path in NOTEBOOKS for source in sources(cells_of(path), kind)]


def is_exercise(cell):
    return cell.cell_type == "code" and re.search(r"^check_\w+\(", cell.source, re.MULTILINE)


def exercises(cells):
    """(source of the exercise's cell, source of the solution) of every exercise."""
    return [(cell.source, cells[index + 1].source) for index, cell in enumerate(cells) if is_exercise(cell)]


def test_lessons_are_numbered():
    """The glob that all of these tests run over finds the lessons, each with its own number, beginning with 00."""
    numbers = [path.name[:2] for path in NOTEBOOKS]
    assert len(numbers) >= 3 and numbers[0] == "00"
    assert all(number.isdigit() for number in numbers) and len(set(numbers)) == len(numbers)


def test_committed_clean():
    """A lesson is committed without outputs, execution counts or widget state: they would give the answers away."""
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                assert cell.outputs == [] and cell.execution_count is None, (path.stem, cell.source)
            assert not {"execution", "collapsed"} & set(cell.metadata), (path.stem, cell.source)
        assert set(notebook.metadata) <= {"kernelspec", "language_info"}, path.stem
        assert notebook.metadata.language_info == {"name": "python"}, path.stem
        assert notebook.metadata.kernelspec.name == "python3", path.stem


def test_valid():
    """A lesson is valid nbformat 4.5, whose cells have ids, each its own."""
    for path in NOTEBOOKS:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        ids = [cell["id"] for cell in notebook["cells"]]  # before nbformat sees them: it replaces those that are wrong
        assert len(set(ids)) == len(ids), path.stem
        nbformat.validate(notebook)
        assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5), path.stem


def test_length():
    """A lesson has 15 to 25 cells of code and prose, and no others."""
    for path in NOTEBOOKS:
        cells = cells_of(path)
        assert {cell.cell_type for cell in cells} == {"code", "markdown"}, path.stem
        assert 15 <= len(cells) <= 25, (path.stem, len(cells))


def test_prose_introduces_code():
    """Prose comes first, and no more than two code cells follow each other without any."""
    for path in NOTEBOOKS:
        kinds = "".join(cell.cell_type[0] for cell in cells_of(path))
        assert kinds.startswith("m") and "ccc" not in kinds, (path.stem, kinds)


def test_code_cells_are_short():
    """A code cell has one to six lines, imports and empty ones not counted."""
    for lesson, source in every("code"):
        lines = [line for line in source.splitlines() if line.strip()]
        rest = [line for line in lines if not re.match(r"\s*(import|from) ", line)]
        assert lines and len(rest) <= 6, (lesson, source)


def test_imports():
    """conc_lab is imported once, as `lab`; nothing is imported by star, and the path is left alone."""
    for path in NOTEBOOKS:
        code = sources(cells_of(path), "code")
        assert sum("import conc_lab as lab" in source for source in code) == 1, path.stem
    for lesson, source in every("code"):
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(source.replace("%%task", "# %%task"), "cell", "exec", flags)
        starred = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
        assert not starred and "sys.path" not in source, (lesson, source)


def test_prose():
    """Prose does not call anything simple, and has no empty cell."""
    for lesson, source in every("markdown"):
        assert source.strip(), lesson
        assert not re.search(r"\b(simply|just|obviously)\b", source, re.IGNORECASE), (lesson, source)


def test_headings():
    """A lesson's title is a question; the parts of its core half come in their order, and then you can stop."""
    wanted = ["Bet", "By hand", "Measure", "Read", "Try", "Remember"]
    for path in NOTEBOOKS:
        text = "\n".join(sources(cells_of(path), "markdown"))
        titles = re.findall(r"^# (.*)", text, re.MULTILINE)
        assert len(titles) == 1 and titles[0].endswith("?"), (path.stem, titles)
        core, deeper = text.split("You can stop here")
        parts = [part for part in re.findall(r"^## (.*)", core, re.MULTILINE) if part in wanted]
        assert parts == wanted, (path.stem, parts)
        assert re.search(r"^## ", deeper, re.MULTILINE), path.stem


def test_one_bet_and_one_question():
    """A lesson has one bet, before its measurement, and one question, after it has been read."""
    wanted = [("bet", ""), ("", "Measure"), ("", "Read"), ("question", "")]
    for path in NOTEBOOKS:
        source = "\n".join(cell.source for cell in cells_of(path))
        parts = re.findall(r"lab\.(bet|question)\(|^## (Measure|Read)$", source, re.MULTILINE)
        assert parts == wanted or path.name[:2] == "09", path.stem


def texts_of(value):
    """Every text in what a lesson's file holds."""
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value] if isinstance(value, str) and " " in value else [text for each in values for text in texts_of(each)]


def test_lessons_are_short():
    """At most 1,000 words a lesson and 450 of them in its core half, six brackets, and no long paragraph."""
    for path in NOTEBOOKS:
        text = "\n\n".join(sources(cells_of(path), "markdown"))
        core = text[: text.index("You can stop here")]
        assert len(re.findall(r"\w+", text)) <= 1000 and len(re.findall(r"\w+", core)) <= 450, path.stem
        hidden = FOLDER.parent / "conc_lab/lessons" / f"{path.stem}.json"
        text = "\n\n".join([text, *texts_of(json.loads(hidden.read_text(encoding="utf-8")))])
        text = re.sub(r"```.*?```|`[^`]*`|(?<=\])\([^)]*\)|<[^>]+>", "", text, flags=re.DOTALL)
        assert text.count("(") <= 6, path.stem
        assert all(len(each) <= 420 for part in text.split("\n\n") for each in re.split(r"\n[-\d]", part)), path.stem


def test_links_resolve():
    """Every link to another file of the course leads to one."""
    pages = [(page.name, page.read_text(encoding="utf-8")) for page in FOLDER.glob("*.md")]
    found = 0
    for name, text in [*every("markdown"), *pages]:
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"https?:|#", target):
                found += 1
                assert (FOLDER / target.partition("#")[0]).exists(), (name, target)
    assert found


def test_the_glossary_is_linked():
    """Every term of the glossary is linked from its first use in a lesson, and every link leads to a term."""
    terms = re.findall(r"^## (.*)$", (FOLDER / "GLOSSARY.md").read_text(encoding="utf-8"), re.MULTILINE)
    linked = [target for _, source in every("markdown") for target in re.findall(r"\]\(GLOSSARY\.md#([^)]+)\)", source)]
    assert sorted(linked) == sorted(term.replace(" ", "-") for term in terms)
    assert terms == sorted(terms, key=str.lower)


def test_lessons_lead_on():
    """Every lesson is linked from another one."""
    linked = set()
    for path in NOTEBOOKS:
        targets = re.findall(r"\]\((\w+\.ipynb)\)", path.read_text(encoding="utf-8"))
        linked |= {target for target in targets if target != path.name}
    assert linked >= {path.name for path in NOTEBOOKS}


def test_an_innocent_task_is_lost(capsys):
    """In lesson 08 what had arrived is kept; the task beside the crash is lost, with the error of the one to blame."""
    (cell,) = [source for _, source in every("code") if "import square_or_crash" in source]
    exec(cell, {"ProcessPoolExecutor": ProcessPoolExecutor, "get_context": get_context})
    said = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert (said["1"], said["2"]) == ("keep 1", "keep 4")
    assert said["600"] == said["-3"] and "terminated abruptly" in said["600"]


class Nbval:
    """nbval, begun to run these lessons in the quick profile, each in a folder of its own: a lesson stands alone."""

    def __init__(self, paths):
        self.paths, self._folder = paths, tempfile.TemporaryDirectory(prefix="nbval-")
        self.folder = Path(self._folder.name)
        for path in paths:
            (self.folder / path.stem).mkdir()
            smaller = path.read_text(encoding="utf-8").replace("range(60)", "range(8)")  # the real jobs of lesson 09
            (self.folder / path.stem / path.name).write_text(smaller, encoding="utf-8")
        pytest_alone = ["-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={self.folder}", "-p", "no:cacheprovider"]
        nbval = ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_S}", "--junitxml=report.xml"]
        command = [sys.executable, *pytest_alone, *nbval, *(f"{path.stem}/{path.name}" for path in paths)]
        with open(self.folder / "log", "wb") as log:
            env = os.environ | {"CONC_LAB_PROFILE": "quick"}
            self.process = begun(command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def close(self):
        """End it where nobody has waited for it, and remove its folder."""
        if self.process.poll() is None:
            for process in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
                process.kill()
            self.process.wait()
        self._folder.cleanup()


BEGUN = {}  # by the name of the item that will ask for it


def begin(items, at_the_end):
    """Begin to run some lessons, where that is asked for: of these 12 s little is this process's own."""
    for item in items:
        if item.originalname == "test_every_cell_runs" and item.callspec.params["paths"] is SOME:
            BEGUN[item.name] = Nbval(SOME)
            at_the_end(BEGUN[item.name].close)


@pytest.mark.parametrize("paths", [SOME, *([pytest.param(OTHERS, marks=pytest.mark.slow)] if OTHERS else [])])
def test_every_cell_runs(paths, request):
    """Run from top to bottom in the quick profile, no cell of a lesson raises; nbval runs each of them."""
    nbval = BEGUN.get(request.node.name) or Nbval(paths)
    try:
        status = nbval.process.wait(NOTEBOOK_S)
        assert status == 0, (nbval.folder / "log").read_text(errors="replace")[-5000:]
        suite = ElementTree.parse(nbval.folder / "report.xml").getroot().find("testsuite")
    finally:
        nbval.close()
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    code = [source for path in paths for source in sources(cells_of(path), "code")]
    assert counts == {"tests": len(code), "failures": 0, "errors": 0, "skipped": 0}


def attempts(cells):
    """Cells that try every exercise of a lesson three times: as it stands, with nonsense, and with its solution."""
    lines = [line for source in sources(cells, "code") for line in source.splitlines()]
    imports = [line for line in lines if re.match(r"(import|from) (?!my_work\b)", line)]
    tries = []
    for exercise, explained in exercises(cells):
        assert explained.startswith("<details><summary>Solution</summary>\n\n")
        (solution,) = re.findall(r"```python\n(.*?)```|^`(\w+ = .*?)`", explained, re.DOTALL | re.MULTILINE)
        before, call = exercise.rstrip().rsplit("\n", 1)
        answer = re.fullmatch(r"check_\w+\((\w+)\)", call)[1]
        tries += [exercise, f"{before}\n{answer} = 'nonsense'\n{call}", f"{before}\n{''.join(solution)}\n{call}"]
    assert tries, "a lesson has an exercise"
    # No wait is over before the next has begun, however busy the machine: lesson 03 asks who waited.
    tries = [text.replace("sleep(0.05)", "sleep(1)") for text in tries]
    return ["\n".join(["%reset_selective -f .", *imports]), *tries]  # no lesson finds another's names


@pytest.mark.slow
def test_exercises_can_be_solved(tmp_path):
    """As it stands an exercise says "not yet", with nonsense what is wrong, and with its folded solution "right"."""
    of_each = [attempts(cells_of(path)) for path in NOTEBOOKS]
    solved = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for texts in of_each for text in texts])
    nbformat.write(solved, tmp_path / "solved.ipynb")
    subprocess.run(
        [sys.executable, "-c", EXECUTE, "solved.ipynb"],
        cwd=tmp_path,
        check=True,
        timeout=NOTEBOOK_S,
        capture_output=True,
    )
    checks = [cell for cell in cells_of(tmp_path / "solved.ipynb") if is_exercise(cell)]
    assert len(checks) == sum(len(texts) - 1 for texts in of_each)
    shown = [cell.outputs[-1].data["text/html"] for cell in checks]
    for not_yet, wrong, right in zip(*[iter(shown)] * 3, strict=True):
        assert "Not yet: replace" in not_yet and "✗" not in not_yet
        assert re.search(r"✗ Not yet: \w.{10}", wrong)
        assert "✓ Right." in right

"""The lessons: how they are written, that every cell of every one runs, and that exercises can be solved."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
CELL_S = 120  # the slowest cell of the quick profile takes 5 to 12 s here
NOTEBOOK_S = 600
ALWAYS = [path for path in NOTEBOOKS if path.name[:2] in ("00", "02")]  # the others take two minutes
EXECUTE = (
    "import sys, nbformat, nbclient; notebook = nbformat.read(sys.argv[1], 4); "
    "nbclient.execute(notebook, timeout=120); nbformat.write(notebook, sys.argv[1])"
)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


@pytest.fixture
def cells(path):
    return cells_of(path)


def sources(cells, kind):
    return [cell.source for cell in cells if cell.cell_type == kind]


def is_exercise(cell):
    return cell.cell_type == "code" and re.search(r"^check_\w+\(", cell.source, re.MULTILINE)


def exercises(cells):
    """(source of the exercise's cell, source of the solution) of every exercise."""
    found = []
    for index, cell in enumerate(cells):
        if is_exercise(cell):
            found.append((cell.source, cells[index + 1].source))
    return found


def test_there_are_notebooks():
    """The glob that all of these tests run over finds the lessons, the first of which is 00."""
    assert len(NOTEBOOKS) >= 3 and NOTEBOOKS[0].name.startswith("00_")


def test_numbers_are_unique():
    """No two lessons have the same number."""
    numbers = [path.name[:2] for path in NOTEBOOKS]
    assert all(number.isdigit() for number in numbers) and len(set(numbers)) == len(numbers)


def test_committed_clean(path, cells):
    """A lesson is committed without outputs, execution counts or widget state: they would give the answers away."""
    for cell in cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, cell.source
        assert not {"execution", "collapsed"} & set(cell.metadata), cell.source
    metadata = nbformat.read(path, as_version=4).metadata
    assert set(metadata) <= {"kernelspec", "language_info"} and metadata.language_info == {"name": "python"}
    assert metadata.kernelspec.name == "python3"


def test_valid(path):
    """A lesson is valid nbformat 4.5, whose cells have ids, each its own."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    ids = [cell["id"] for cell in notebook["cells"]]  # before nbformat sees them: it mends those that are not right
    assert len(set(ids)) == len(ids)
    nbformat.validate(notebook)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)


def test_length(cells):
    """A lesson has 15 to 25 cells of code and prose, and no others."""
    assert {cell.cell_type for cell in cells} == {"code", "markdown"}
    assert 15 <= len(cells) <= 25


def test_prose_introduces_code(cells):
    """Prose comes first, and no more than two code cells follow each other without any."""
    kinds = "".join(cell.cell_type[0] for cell in cells)
    assert kinds.startswith("m") and "ccc" not in kinds


def test_code_cells_are_short(cells):
    """A code cell has one to six lines, imports and empty ones not counted."""
    for source in sources(cells, "code"):
        lines = [line for line in source.splitlines() if line.strip()]
        rest = [line for line in lines if not re.match(r"\s*(import|from) ", line)]
        assert lines and len(rest) <= 6, source


def test_imports(cells):
    """conc_lab is imported once, as `lab`; nothing is imported by star, and the path is left alone."""
    code = sources(cells, "code")
    assert sum("import conc_lab as lab" in source for source in code) == 1
    for source in code:
        source = source.replace("%%task", "# %%task")
        tree = compile(source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.ImportFrom) and any(name.name == "*" for name in node.names)), source
        assert "sys.path" not in source, source


def test_prose(cells):
    """Prose does not call anything simple, and has no empty cell."""
    for source in sources(cells, "markdown"):
        assert source.strip()
        assert not re.search(r"\b(simply|just|obviously)\b", source, re.IGNORECASE), source


def test_headings(cells):
    """A lesson has one title, a question, and the parts that every lesson has, in their order."""
    headings = re.findall(r"^(#+) (.*)", "\n".join(sources(cells, "markdown")), re.MULTILINE)
    titles = [text for level, text in headings if level == "#"]
    assert len(titles) == 1 and titles[0].endswith("?")
    parts = [text for level, text in headings if level == "##"]
    wanted = ["Bet", "By hand", "Measure", "Read", "Check", "Try", "Remember"]
    assert [part for part in parts if part in wanted] == wanted


@pytest.mark.parametrize("page", sorted([*FOLDER.glob("*.ipynb"), *FOLDER.glob("*.md")]), ids=lambda page: page.name)
def test_links_resolve(page):
    """Every link to another file of the course leads to one."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        text = "\n".join(sources(nbformat.reads(text, as_version=4).cells, "markdown"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:|#", target):
            assert (FOLDER / target.partition("#")[0]).exists(), target


def test_the_glossary_is_linked():
    """Every term of the glossary is linked from its first use in a lesson, and every link leads to a term."""
    terms = re.findall(r"^## (.*)$", (FOLDER / "GLOSSARY.md").read_text(encoding="utf-8"), re.MULTILINE)
    linked = [
        target
        for path in NOTEBOOKS
        for source in sources(cells_of(path), "markdown")
        for target in re.findall(r"\]\(GLOSSARY\.md#([^)]+)\)", source)
    ]
    assert sorted(linked) == sorted(term.replace(" ", "-") for term in terms)
    assert terms == sorted(terms, key=str.lower)


def test_lessons_lead_on():
    """Every lesson is linked from another one."""
    linked = set()
    for path in NOTEBOOKS:
        targets = re.findall(r"\]\((\w+\.ipynb)\)", path.read_text(encoding="utf-8"))
        linked |= {target for target in targets if target != path.name}
    assert linked >= {path.name for path in NOTEBOOKS}


@pytest.mark.parametrize(
    "paths",
    [ALWAYS, pytest.param([path for path in NOTEBOOKS if path not in ALWAYS], marks=pytest.mark.slow)],
    ids=["some", "others"],
)
def test_every_cell_runs(paths, tmp_path):
    """Run from top to bottom in the quick profile, no cell of a lesson raises; nbval runs each of them."""
    for path in paths:  # each in a folder of its own: a lesson stands alone
        (tmp_path / path.stem).mkdir()
        shutil.copy(path, tmp_path / path.stem)
    pytest_alone = ["-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={tmp_path}", "-p", "no:cacheprovider"]
    nbval = ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_S}", "--junitxml=report.xml"]
    command = [sys.executable, *pytest_alone, *nbval, *(f"{path.stem}/{path.name}" for path in paths)]
    env = os.environ | {"CONC_LAB_PROFILE": "quick"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=NOTEBOOK_S)
    assert done.returncode == 0, done.stdout[-5000:]
    suite = ElementTree.parse(tmp_path / "report.xml").getroot().find("testsuite")
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
    return ["\n".join(["%reset_selective -f .", *imports]), *tries]  # no lesson finds another's names


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

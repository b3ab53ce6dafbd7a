"""The lessons as a student meets them: JupyterLab in a browser, used with a mouse and with the keyboard alone."""

import os
import re
import shutil
from pathlib import Path

import lab_page
import nbformat
import pytest
from helpers import becomes_true
from lab_page import Notebook, in_session
from playwright.sync_api import expect, sync_playwright

from conc_lab.engine import experiment, kinds, parameters

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CPU_LESSON = "02_cpu_bound.ipynb"
# Each with a panel of its own kind: those of 00 and 03 are of the kind that CPU_LESSON has, and 09 has none.
OTHER_LESSONS = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb") if path.name[:2] not in ("00", "03", "09"))
LESSON_S = 180  # a whole lesson of the quick profile takes 5 to 20 s here
# A run of the quick profile takes 1 to 3 s here; a stuck one must fail the test.
RUN_MS = 60_000
GONE_S = 60  # an ended run is gone 0.5 s after Stop and 1 s after a kernel's restart
expect.set_options(timeout=60_000)  # a click and its answer take 0.1 s here
SHORT = "lab.panel(workers=[1, 2])"
LONG = "lab.panel(workers=[1, 2], task_ms=50, rounds=99)"  # a minute and more, unless it is stopped
QUIET = 'lab.panel(task="sleep", workers=[2], task_ms=5000)'  # 80 s without an event: its pipe's end goes unnoticed
OWN_TASK = "%%task digits\ndef digits():\n    return sum(map(int, str(2**500)))"
CELL = "lab.speedup(workers=[2], task_ms=50, rounds=99)"
PANELS = ("import conc_lab as lab", SHORT, LONG, QUIET, "1 + 1", OWN_TASK, CELL)


def missing_browser():
    """Where there is no browser: a skip, or an error where CONC_LAB_REQUIRE_BROWSER=1 says that there must be one."""
    if lab_page.CHROMIUM:
        return
    reason = "no chromium, google-chrome or chromium-browser on the PATH"
    if os.environ.get("CONC_LAB_REQUIRE_BROWSER") == "1":
        raise RuntimeError(f"{reason}, and CONC_LAB_REQUIRE_BROWSER=1")
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def no_process_left():
    """In place of conftest's: a browser starts and ends helpers as it likes. What runs leave is what these
    tests are about, and each looks for it."""


@pytest.fixture(scope="module")
def chromium():
    missing_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=lab_page.CHROMIUM,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(chromium, tmp_path_factory):
    folder, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("home")
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(path, folder)
    server = lab_page.Server(folder, home)
    yield server
    server.close()


@pytest.fixture(scope="module")
def opened(chromium, server):
    """Opens a notebook of the server's on a page of its own."""
    contexts = []

    def opened(name):
        contexts.append(chromium.new_context(viewport={"width": 1300, "height": 1600}))
        return Notebook(contexts[-1].new_page(), server, name)

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def lesson_page(opened):
    return opened(CPU_LESSON)


@pytest.fixture
def lesson(lesson_page):
    """A lesson, open in the browser."""
    yield lesson_page
    lesson_page.server.end_runs()


@pytest.fixture(scope="module")
def panels_page(opened, server):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in PANELS])
    made.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(made, server.folder / "panels.ipynb")
    return opened("panels.ipynb")


@pytest.fixture
def show(panels_page):
    """Shows a new panel by running one of the cells of PANELS, and returns the notebook and the panel."""

    def show(call):
        panels_page.run("import conc_lab")
        panels_page.run(call)
        panel = panels_page.cell(call).locator(".conc-lab-panel")
        expect(button(panel, "Run")).to_be_enabled()
        return panels_page, panel

    yield show
    panels_page.server.end_runs()


def button(panel, label):
    """A button of the panel: an icon's glyph may stand before its label, but no other words."""
    return panel.locator("button", has_text=re.compile(rf"^\W*{label}$"))


def press_run(panel):
    """Press Run and wait until the run is done."""
    button(panel, "Run").click()
    expect(panel.get_by_role("status")).to_have_text("Done.", timeout=RUN_MS)


def begun(notebook, panel, said="round "):
    """The session of the run that has begun: its status says `said`, and its processes can be seen."""
    expect(panel.get_by_role("status")).to_contain_text(said, timeout=RUN_MS)
    (session,) = notebook.server.runs()
    assert len(in_session(session)) >= 2  # the child and its watchdog, at times workers too
    return session


def gone(session):
    """Whether nothing of the session runs, now or within GONE_S."""
    return becomes_true(lambda: not in_session(session), GONE_S)


def test_a_lesson_runs(opened, server):
    """A lesson runs without an error. A bet made after it, by keyboard alone, comes into its chart and is revealed."""
    lesson = opened("00_your_lab.ipynb")
    lesson.run()
    assert lesson.errors() == []  # and an error would be seen: see test_an_interrupted_cell
    bet, measured = lesson.cell('lab.bet("first")'), lesson.cell('lab.speedup(task="count_primes"')
    chart, revealed = measured.locator("img").first, measured.locator(".conc-lab-card")
    expect(chart).to_have_attribute("alt", re.compile("^Speedup of count_primes"))
    expect(revealed.get_by_role("status")).to_have_text("Commit your bet first.")
    assert "your bet" not in chart.get_attribute("alt") and revealed.locator("li").count() == 0
    bet.locator("input[type='text']").first.focus()
    for key in ("2", "Tab", "1", ".", "5", "Enter"):
        lesson.page.keyboard.press(key)
    said = "You bet 2 threads 2×, 2 processes 1.5×, after the run. Your machine: 2 threads "
    for card in (bet, revealed):
        expect(card.get_by_role("status")).to_contain_text(said)
        expect(card.locator("li")).to_have_count(2)
    alt = re.compile("your bet: 2 threads 2.00×; your bet: 2 processes 1.50×")
    expect(chart).to_have_attribute("alt", alt)


def test_a_panel_is_run_and_stopped_by_keyboard(show):
    """Enter on Run draws a chart with its alt text; Enter on Stop ends a run, leaves no process, and Run is back."""
    notebook, panel = show(SHORT)
    button(panel, "Run").focus()
    notebook.page.keyboard.press("Enter")
    expect(panel.get_by_role("status")).to_have_text("Done.", timeout=RUN_MS)
    expect(panel.locator("img").first).to_have_attribute(
        "alt", re.compile("^Speedup of count_primes .*2 processes", re.DOTALL)
    )
    panel.get_by_label("Task ms").fill("50")
    panel.get_by_label("Rounds").fill("99")
    reach(notebook.page, "Run")
    notebook.page.keyboard.press("Enter")
    session = begun(notebook, panel)
    reach(notebook.page, "Stop")
    notebook.page.keyboard.press("Enter")
    expect(panel.get_by_role("status")).to_contain_text("Stopped", timeout=RUN_MS)
    assert gone(session) and notebook.server.runs() == []
    expect(button(panel, "Run")).to_be_enabled()


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHER_LESSONS)
def test_a_lesson_runs_and_so_does_its_panel(opened, server, name):
    """Every other lesson runs without an error, its panel measures and draws a new chart, and no process is left."""
    lesson = opened(name)
    lesson.run(within_s=LESSON_S)
    assert lesson.errors() == []
    panel = lesson.cell("lab.panel(").locator(".conc-lab-panel")
    charts = panel.locator("img")
    expect(charts).to_have_count(0)
    press_run(panel)
    expect(charts.first).to_have_attribute("alt", re.compile(".{40,}", re.DOTALL))
    assert lesson.errors() == [] and server.runs() == []


@pytest.mark.slow
def test_every_control_is_reached_by_tab_and_named(show):
    """Tab goes from the first control of a panel through every other, and each has an accessible name."""
    notebook, panel = show(SHORT)
    press_run(panel)  # so that Save and the folded table are there
    panel.get_by_label("Task", exact=True).focus()
    reached = []
    while notebook.page.evaluate("() => document.activeElement.closest('.conc-lab-panel') !== null"):
        reached.append(focused(notebook.page))
        notebook.page.keyboard.press("Tab")
        assert len(reached) < 50
    names = [name for _, name in reached]
    assert all(names), reached
    offered = parameters.described(experiment.function("speedup"))["kinds"].annotation.of.options()
    wanted = ["Task", "Workers", *kinds.here(offered), "Task ms", "Rounds"]
    wanted += ["Run", "Save result", "Table", "Show the code"]
    assert [name.split(" ", 1)[-1] if "\uf000" <= name[0] <= "\uf8ff" else name for name in names] == wanted


def reach(page, label):
    """Press Tab until what has the focus is called so."""
    for _ in range(20):
        if focused(page)[1].endswith(label):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no {label} by Tab")


def focused(page):
    """The role and the accessible name, as the browser computes them, of the element that has the focus."""
    session = page.context.new_cdp_session(page)
    element = session.send("Runtime.evaluate", {"expression": "document.activeElement"})["result"]["objectId"]
    tree = session.send("Accessibility.getPartialAXTree", {"objectId": element, "fetchRelatives": False})
    session.detach()
    node = tree["nodes"][0]
    return node["role"]["value"], node["name"]["value"].strip()


@pytest.mark.slow
def test_the_kernel_is_free_while_a_panel_runs(show):
    """Another cell gives its output while a panel's run is under way."""
    notebook, panel = show(LONG)
    button(panel, "Run").click()
    session = begun(notebook, panel)
    notebook.run("1 + 1")
    expect(notebook.cell("1 + 1").locator(".jp-OutputArea-output")).to_have_text("2")
    assert in_session(session) and button(panel, "Stop").is_enabled()


@pytest.mark.slow
def test_a_chart_fits_the_page_and_its_theme(show):
    """A chart is darkened with the page, and is no wider than the page has room for."""
    notebook, panel = show(SHORT)
    press_run(panel)
    page, chart = notebook.page, panel.locator("img").first
    size = page.viewport_size
    try:
        for theme, filtered in (("JupyterLab Dark", "invert(0.92) hue-rotate(180deg)"), ("JupyterLab Light", "none")):
            page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
            expect(chart).to_have_css("filter", filtered)
        page.set_viewport_size({"width": 800, "height": 1600})

        def fits():  # JupyterLab lays the page out anew a moment after its size has changed
            box = chart.bounding_box()
            return box["width"] > 300 and box["x"] >= 0 and box["x"] + box["width"] <= 800

        assert becomes_true(fits, 15), chart.bounding_box()
    finally:
        page.set_viewport_size(size)


@pytest.mark.slow
def test_an_interrupted_cell(panels_page):
    """An interrupt of a cell that measures shows one sentence, leaves no process, and the next cell runs."""
    panels_page.run("import conc_lab")
    panels_page.start(CELL)
    cell = panels_page.cell(CELL)
    session = begun(panels_page, cell)
    panels_page.server.ask("POST", f"api/kernels/{panels_page.kernel()}/interrupt")
    said = cell.locator(".jp-OutputArea-output").last
    expect(said).to_have_text("RunStopped: the run was stopped before it was done; run it again to measure")
    assert gone(session) and panels_page.server.runs() == [] and panels_page.errors() == ["RunStopped"]
    panels_page.run("1 + 1")
    expect(panels_page.cell("1 + 1").locator(".jp-OutputArea-output")).to_have_text("2")


@pytest.mark.slow
def test_an_exercise_is_solved_in_its_cell(lesson):
    """An exercise says "not yet" as it stands, what is wrong with a wrong answer, and that a right one is right."""
    exercise = lesson.cell("check_releasing(answer)")
    for answer, said in (
        ("...", "Not yet: replace"),
        ('{"count_primes", "sha256"}', "bytecode needs the GIL"),
        ('{"sha256", "zlib", "matmul", "read_file"}', "Right."),
    ):
        exercise.locator(".cm-content").click()
        lesson.page.keyboard.press("Control+A")
        text = f"from conc_lab.student.exercises import check_releasing\nanswer = {answer}\ncheck_releasing(answer)"
        lesson.page.keyboard.insert_text(text)
        lesson.run("check_releasing(answer)")
        expect(exercise.locator(".jp-OutputArea-output").last).to_contain_text(said)


@pytest.mark.slow
def test_a_cell_becomes_a_task(show):
    """A cell that is run with %%task is offered by the panel that is shown already, and is what this then measures."""
    notebook, panel = show(SHORT)
    notebook.run(OWN_TASK)
    expect(notebook.cell(OWN_TASK).locator(".jp-OutputArea-output")).to_contain_text("digits is a task now")
    panel.get_by_label("Task", exact=True).select_option("your own: digits")
    press_run(panel)
    expect(panel.locator("img").first).to_have_attribute("alt", re.compile("^Speedup of digits "))


@pytest.mark.slow
def test_a_restarted_kernel_leaves_no_process(show):
    """Whoever restarts the kernel in the middle of a run finds nothing of it running a little later."""
    notebook, panel = show(QUIET)
    button(panel, "Run").click()
    session = begun(notebook, panel, "calibrating sleep")
    notebook.server.ask("POST", f"api/kernels/{notebook.kernel()}/restart")
    assert gone(session)

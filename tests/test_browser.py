"""The lessons as a student meets them: JupyterLab in a browser, used with a mouse and with the keyboard alone."""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import lab_page
import nbformat
import page_checks
import pytest
from helpers import becomes_true
from lab_page import Notebook, in_session
from made.tracks import MODEL
from playwright.sync_api import expect, sync_playwright

from conc_lab.drawing import words
from conc_lab.drawing.player import player
from conc_lab.engine import experiment, kinds, parameters

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
LESSONS = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
FIRST, CPU_LESSON = "00_your_lab", "02_cpu_bound"
LESSON_S = 180  # a whole lesson of the quick profile takes 5 to 20 s here
# A run of the quick profile takes 1 to 3 s here; a stuck one must fail the test.
RUN_MS = 60_000
GONE_S = 60  # an ended run is gone 0.5 s after Stop and 1 s after a kernel's restart
expect.set_options(timeout=60_000)  # a click and its answer take 0.1 s here
SHORT = "lab.panel(workers=[1, 2])"
RECORDED = "A recording from two CPUs"
LONG = "lab.panel(workers=[1, 2], task_ms=50, rounds=99)"  # a minute and more, unless it is stopped
QUIET = 'lab.panel(task="sleep", workers=[2], task_ms=5000)'  # 80 s without an event: its pipe's end goes unnoticed
OWN_TASK = "%%task digits\ndef digits():\n    return sum(map(int, str(2**500)))"
BROKEN_TASK = "%%task broken\ndef broken():\n    return 1 / 0"
CELL = "lab.speedup(workers=[2], task_ms=50, rounds=99)"
PLAY = 'lab.play(lab.recording("timeline"), task="count_primes", kind="threads")'
BUSY = "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.01)"
SERVER = []  # the one that `begin` makes
MADE = {
    "panels": ("import conc_lab as lab", SHORT, LONG, QUIET, "1 + 1", OWN_TASK, BROKEN_TASK, CELL),
    "player": ("import conc_lab as lab", PLAY, BUSY),
    # A cell for each thing of ours that has controls.
    "controls": (
        "import conc_lab as lab",
        SHORT,
        'lab.bet("first")',
        'lab.bet("cpu_threads")',
        'lab.question("one_cpu")',
        "lab.claims()",
        PLAY,
        "lab.scheduler()",
        'lab.inventory("before")',
        'lab.model(lab.recording("speedup"))',
        "1 + 1",
    ),
}
EXECUTE = "code => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}); }"
IS_BUSY = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
BARE = """async ([source, tracks]) => {
  const { default: { render } } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  render({ model: { get: name => ({ tracks, hues: {} })[name], on() {}, off() {} }, el: document.body });
}"""
CELLS = """() => {
  const { model, activeCellIndex } = window.jupyterapp.shell.currentWidget.content;
  return JSON.stringify([activeCellIndex, model.toJSON().cells.map(cell => [cell.cell_type, cell.source])]);
}"""


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


def begin(items, at_the_end):
    """Begin JupyterLab with every lesson in a folder of its own: a lesson stands alone."""
    if not lab_page.CHROMIUM or not any("server" in item.fixturenames for item in items):
        return
    scratch = tempfile.TemporaryDirectory(prefix="browser-")
    at_the_end(scratch.cleanup)
    folder, home = Path(scratch.name, "notebooks"), Path(scratch.name, "home")
    for name in (*LESSONS, *MADE):
        (folder / name).mkdir(parents=True)
    for name in LESSONS:
        for file in (f"{name}.ipynb", "GLOSSARY.md"):
            shutil.copy(NOTEBOOKS / file, folder / name)
    for name, cells in MADE.items():
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        made.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
        nbformat.write(made, folder / name / f"{name}.ipynb")
    SERVER.append(lab_page.Server(folder, home))
    at_the_end(SERVER[0].close)


@pytest.fixture(scope="module")
def server(chromium):
    """The JupyterLab that was begun when the tests were."""
    yield SERVER[0].answers()
    SERVER[0].close()


@pytest.fixture(scope="module")
def shown(chromium, server):
    """Shows a notebook of the server's on the one page of these tests, where it stays until another is shown."""
    context, notebooks = chromium.new_context(viewport={"width": 1300, "height": 1600}), []
    page = context.new_page()

    def shown(name):
        path = f"{name}/{name}.ipynb"
        if not notebooks or notebooks[-1].name != path:
            notebooks.append(Notebook(page, server, path))
        return notebooks[-1]

    yield shown
    context.close()


@pytest.fixture
def opened(shown, server):
    """`shown`; whatever a failed test has left running is ended."""
    yield shown
    server.end_runs()


@pytest.fixture
def show(opened):
    """Shows a new panel by running one of the cells of the notebook "panels"; returns the notebook and the panel."""

    def show(call):
        notebook = opened("panels")
        notebook.run("import conc_lab")
        notebook.run(call)
        panel = notebook.cell(call).locator(".conc-lab-panel")
        expect(button(panel, "Run")).to_be_enabled()
        return notebook, panel

    return show


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


def ran(lesson):
    """Run every cell of a lesson that has not been run; none raises."""
    if waiting := lesson.not_run():
        lesson.run(waiting[0], waiting[-1], within_s=LESSON_S)
    assert lesson.errors() == [] and lesson.not_run() == []  # and an error would be seen: see test_an_interrupted_cell
    return lesson


def test_a_lesson_runs(opened):
    """A lesson runs without an error. A bet made after it, by keyboard alone, comes into its chart and is revealed."""
    lesson = ran(opened(FIRST))
    bet, measured = lesson.cell('lab.bet("first")'), lesson.cell('lab.speedup(task="count_primes"')
    chart, revealed = measured.locator("img").first, measured.locator(".conc-lab-card")
    expect(chart).to_have_attribute("alt", re.compile("^Speedup of count_primes"))
    expect(revealed.get_by_role("status")).to_have_text("Commit your bet first.")
    assert "your bet" not in chart.get_attribute("alt") and not revealed.locator("li").first.is_visible()
    bet.get_by_role("radio").first.focus()
    for key in ("ArrowDown", "Enter"):
        lesson.page.keyboard.press(key)
    said = "You bet B, after the run. Your machine: 2 threads "
    for card in (bet, revealed):
        expect(card.get_by_role("status")).to_contain_text(said)
    expect(revealed.locator("li")).to_have_count(4)
    alt = re.compile("your bet: 2 threads 2.00×; your bet: 2 processes 1.00×")
    expect(chart).to_have_attribute("alt", alt)
    nothing_for_axe(lesson)


def nothing_for_axe(lesson):
    """axe-core has nothing to say about what we show in a lesson, in either theme, every fold open."""
    found, texts = page_checks.axe_finds(lesson)
    assert not found, "\n".join(found)
    assert texts > 3  # of all rules that of contrast is the one that could be left out unseen


def test_a_panel_is_run_and_stopped_by_keyboard(opened):
    """Enter twice on Run runs it once; a field refuses a number and keeps it; Enter there runs, Enter on Stop ends.

    A press never overtakes a value, not even where the kernel hears the two in different threads, one of them busy.
    """
    notebook = ran(opened(FIRST))
    panel = notebook.cell("lab.panel(").locator(".conc-lab-panel")
    status, rounds, press = panel.get_by_role("status"), panel.get_by_label("Rounds"), notebook.page.keyboard.press
    button(panel, "Run").focus()
    press("Enter")
    press("Enter")
    expect(status).to_have_text("Done.", timeout=RUN_MS)
    alt = re.compile("^Speedup of count_primes .*2 processes", re.DOTALL)
    expect(panel.locator("img").first).to_have_attribute("alt", alt)
    if not rounds.is_visible():  # else axe has unfolded it
        panel.locator("summary", has_text="More settings").press("Enter")
    panel.get_by_label("Length of a task, ms").fill("50")
    notebook.page.evaluate(EXECUTE, BUSY)
    notebook.page.wait_for_function(IS_BUSY)
    rounds.fill("0")
    rounds.press("Enter")
    expect(status).to_have_text("0%: starting")
    (notebook.server.folder / FIRST / "go").touch()
    expect(status).to_have_text("Not measured: rounds must be a whole number between 1 and 9999, got 0.")
    expect(rounds).to_have_attribute("aria-invalid", "true")
    expect(rounds).to_have_value("0")
    nothing_for_axe(notebook)
    rounds.fill("99")
    rounds.press("Enter")
    session = begun(notebook, panel, "round 1 of 99")
    reach(notebook.page, "Stop")
    press("Enter")
    expect(status).to_contain_text("Stopped", timeout=RUN_MS)
    assert gone(session) and notebook.server.runs() == []
    expect(button(panel, "Run")).to_be_focused()


@pytest.mark.parametrize(
    "name, some", [(FIRST, {"ArrowDown", "D", "X"}), pytest.param("controls", None, marks=pytest.mark.slow)]
)
def test_no_key_edits_the_notebook(opened, name, some):
    """No key of JupyterLab's command mode, pressed in any control of ours, changes anything of the notebook."""
    page = ran(opened(name)).page
    keys = page_checks.keys_of(page)
    assert len(keys) > 40
    changed = page_checks.changed_by_keys(page, [one for one in keys if not some or one[0] in some])
    assert not changed, "\n".join(changed)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in LESSONS if name != FIRST])
def test_a_lesson_runs_and_so_does_its_panel(opened, server, name):
    """In every other lesson every cell runs without an error, its panel measures and draws a chart, axe has nothing to
    say about all that, and no process is left. (A panel that has not run yet is looked at in lesson 00.)
    """
    lesson = ran(opened(name))
    if lesson.has("lab.panel("):
        panel = lesson.cell("lab.panel(").locator(".conc-lab-panel")
        charts = panel.locator("img")
        expect(charts).to_have_count(0)
        press_run(panel)
        expect(charts.first).to_have_attribute("alt", re.compile(".{40,}", re.DOTALL))
    nothing_for_axe(lesson)
    assert lesson.errors() == [] and server.runs() == []


@pytest.mark.slow
def test_an_exercise_is_solved_in_its_cell(opened):
    """An exercise says "not yet" as it stands, what is wrong with a wrong answer, and that a right one is right."""
    lesson = opened(CPU_LESSON)
    exercise = lesson.cell("check_releasing(answer)")
    for answer, said in (
        ("...", "Not yet: replace"),
        ('{"count_primes", "sha256"}', "Python code, and that needs the GIL"),
        ('{"sha256", "zlib", "matmul", "read_file"}', "Right."),
    ):
        exercise.locator(".cm-content").click()
        lesson.page.keyboard.press("Control+A")
        text = f"from conc_lab.student.exercises import check_releasing\nanswer = {answer}\ncheck_releasing(answer)"
        lesson.page.keyboard.insert_text(text)
        lesson.run("check_releasing(answer)")
        expect(exercise.locator(".jp-OutputArea-output").last).to_contain_text(said)


@pytest.mark.slow
def test_the_glossary_opens_rendered(opened):
    """A link in a lesson opens the glossary as a page, at its term; the file opens so, too, and never as raw text."""
    lesson = opened(CPU_LESSON)
    page, link = lesson.page, lesson.page.locator(".jp-Notebook a[href*='GLOSSARY.md']").last
    term = link.get_attribute("href").partition("#")[2].replace("-", "[- ]")
    link.click()
    heading = page.locator(".jp-MarkdownViewer h2").get_by_text(re.compile(f"^{term}.?$", re.IGNORECASE))
    expect(heading).to_be_in_viewport()
    for end in (
        "shell.currentWidget.close()",
        f"commands.execute('docmanager:open', {{path: '{CPU_LESSON}/GLOSSARY.md'}})",
    ):
        page.evaluate(f"async () => {{ await window.jupyterapp.{end}; }}")
    expect(page.locator(".jp-MarkdownViewer h1")).to_be_visible()
    assert page.locator(".jp-FileEditor").count() == 0
    page.evaluate("window.jupyterapp.shell.currentWidget.close()")


@pytest.mark.slow
def test_every_control_is_reached_by_tab_and_named(show):
    """Tab goes from the first control of a panel through every other, and each has an accessible name."""
    notebook, panel = show(SHORT)
    press_run(panel)  # so that Save and the folded table are there
    panel.locator("summary", has_text="More settings").press("Enter")
    panel.get_by_role("radio").first.focus()
    reached = []
    while notebook.page.evaluate("() => document.activeElement.closest('.conc-lab-panel') !== null"):
        reached.append(focused(notebook.page))
        notebook.page.keyboard.press("Tab")
        assert len(reached) < 50
    names = [name for _, name in reached]
    assert all(names), reached
    offered = parameters.described(experiment.function("speedup"))["kinds"].annotation.of.options()
    wanted = [
        "computes in Python",
        "Task",
        "1",
        "2",
        "4",
        "8",
        "others",
        *(words.option("kinds", kind) for kind in kinds.here(offered)),
    ]
    wanted += ["More settings", "Length of a task, ms", "Rounds", "Run", "Save result", "Show the code", "Table"]
    if panel.locator("summary", has_text=RECORDED).count():  # this machine's run did not carry its figure
        wanted.append(RECORDED)
    assert [name.split(" ", 1)[-1] if "\uf000" <= name[0] <= "\uf8ff" else name for name in names] == wanted

    for role, name in (("radiogroup", "Type of task"), ("group", "Workers"), ("group", "Kinds of worker")):
        expect(panel.get_by_role(role, name=name)).to_be_visible()


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


def test_a_player_needs_nothing_but_a_page(chromium):
    """Offline, without Jupyter, a file of 40 kB at most plays a model: it says who takes the lock, and asks."""
    source = Path(player.__file__).with_name("player.js").read_text(encoding="utf-8")
    assert len(source.encode()) <= 40_000
    context = chromium.new_context(offline=True, reduced_motion="reduce")
    page = context.new_page()
    page.evaluate(BARE, [source, json.loads(json.dumps([MODEL._asdict()]))])
    said = page.get_by_role("status")
    page.get_by_role("button", name="Step").click()
    expect(said).to_have_text("0 ms: thread 1 takes the lock and runs on CPU 0; thread 2 waits for the lock.")
    page.get_by_role("button", name="Play").click()  # in steps, as the reader asked for less motion
    expect(said).to_have_text("5 ms: thread 1 ends task 1 and is done; thread 2 takes the lock and runs on CPU 1.")
    page.get_by_label("Ask me who runs next").check()
    for _ in range(2):  # the first step is to the start
        page.keyboard.press("ArrowRight")
    expect(said).to_have_text(re.compile("^Who takes the lock next"))
    page.get_by_role("button", name="thread 1").click()
    expect(said).to_have_text(re.compile("^No: thread 2.*0 of 1 right"))
    context.close()


def test_a_player_is_used_by_keyboard(opened, server):
    """While the kernel is busy, keys play, step and answer, this is said, and nothing of the notebook changes."""
    notebook = opened("player")
    page = notebook.page
    notebook.run("import conc_lab", PLAY)
    player = notebook.cell(PLAY).locator(".conc-player")
    said, clock = player.get_by_role("status"), player.locator(".clock")
    notebook.start(BUSY)
    page.wait_for_function(IS_BUSY)
    player.get_by_role("button", name="Play").focus()
    before = page.evaluate(CELLS)
    page.keyboard.press("Space")
    expect(clock).not_to_have_text(re.compile("^0 ms"))
    page.keyboard.press("Space")
    expect(said).to_have_text(re.compile("^Paused at"))
    page.keyboard.press("ArrowRight")
    expect(said).to_have_text(re.compile("ms: thread . .*runs"))
    reach(page, "Ask me who runs next")
    page.keyboard.press("Space")
    player.get_by_role("button", name="Back").focus()
    for key in (*"abcdmxyzjkf", "d", "d", "0", "0", "Enter", "ArrowDown", "ArrowUp", "ArrowLeft", "Delete"):
        page.keyboard.press(key)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(said).to_have_text(re.compile("^Who runs next.*a number key"))
    page.keyboard.press("2")
    expect(said).to_have_text(re.compile("^Right: thread 2.*1 of 1 right"))
    assert page.evaluate(CELLS) == before and player.locator(":focus").inner_text() == "Play"
    (server.folder / "player" / "go").touch()
    page.wait_for_function("() => window.cellsRun")


@pytest.mark.slow
def test_a_player_leaves_a_picture_behind(chromium, server):
    """A live player hides its picture; in the notebook that is opened again the picture is all that is there."""
    with chromium.new_context(viewport={"width": 1300, "height": 1600}) as context:
        notebook = Notebook(context.new_page(), server, "player/player.ipynb")
        notebook.run("import conc_lab", PLAY)
        still, player = (notebook.page.locator(f".{name}") for name in ("conc-still", "conc-player"))
        expect(player).to_be_visible()
        expect(still).to_be_hidden()
        notebook.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        notebook.page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
        server.ask("DELETE", f"api/kernels/{notebook.kernel()}")
    with chromium.new_context(viewport={"width": 1300, "height": 1600}) as context:
        page = Notebook(context.new_page(), server, "player/player.ipynb").page
        expect(page.get_by_text("model not found")).to_have_count(1)
        expect(page.get_by_text("model not found")).to_be_hidden()
        still = page.locator(".conc-still img:visible")  # one of two, by the theme
        expect(still).to_have_attribute("alt", re.compile("measured, 2 threads, count_primes"))


@pytest.mark.slow
def test_a_chart_fits_the_page_and_its_theme(show):
    """A chart has the paper of the page's theme, and is no wider than the page has room for."""
    notebook, panel = show(SHORT)
    press_run(panel)
    page, chart = notebook.page, panel.locator("img:visible").first
    size = page.viewport_size
    try:
        for theme, paper in (("JupyterLab Dark", "on-dark"), ("JupyterLab Light", "on-light")):
            page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
            expect(chart).to_have_class(paper)
        page.set_viewport_size({"width": 800, "height": 1600})

        def fits():  # JupyterLab lays the page out anew a moment after its size has changed
            box = chart.bounding_box()
            return box["width"] > 300 and box["x"] >= 0 and box["x"] + box["width"] <= 800

        assert becomes_true(fits, 15), chart.bounding_box()
    finally:
        page.set_viewport_size(size)


@pytest.mark.slow
def test_nothing_moves_while_a_chart_grows(show):
    """What follows a panel stays where it is from before the first run until after a second one."""
    _, panel = show(SHORT)
    panel.get_by_label("waits", exact=True).check()  # of computing, a busy machine's chart has a recording below it
    expect(panel.get_by_label("Task", exact=True)).to_have_value("sleep (a timer)")
    expect(panel.locator(".conc-lab-room")).to_have_attribute("style", re.compile("aspect-ratio: 2"))  # sleep's chart
    place = "e => e.getBoundingClientRect().bottom - e.closest('.jp-Cell').getBoundingClientRect().top"
    before = panel.evaluate(place)
    for _ in range(2):
        press_run(panel)
        assert abs(panel.evaluate(place) - before) <= 2


@pytest.mark.slow
def test_an_interrupted_cell(opened):
    """An interrupt of a cell that measures shows one sentence, leaves no process, and the next cell runs."""
    notebook = opened("panels")
    notebook.run("import conc_lab")
    notebook.start(CELL)
    cell = notebook.cell(CELL)
    session = begun(notebook, cell)
    notebook.server.ask("POST", f"api/kernels/{notebook.kernel()}/interrupt")
    said = cell.locator(".jp-OutputArea-output").last
    expect(said).to_have_text("RunStopped: the run was stopped before it finished: run it again to measure")
    assert gone(session) and notebook.server.runs() == [] and notebook.errors() == ["RunStopped"]
    notebook.run("1 + 1")
    expect(notebook.cell("1 + 1").locator(".jp-OutputArea-output")).to_have_text("2")


@pytest.mark.slow
def test_a_cell_becomes_a_task(show):
    """A cell that is run with %%task is offered by the panel that is shown already, and is what this then measures.

    Where it raises, the panel unfolds what Python said, and axe has nothing to say about that.
    """
    notebook, panel = show(SHORT)
    notebook.run(OWN_TASK)
    expect(notebook.cell(OWN_TASK).locator(".jp-OutputArea-output")).to_contain_text("digits is a task now")
    panel.get_by_label("your own", exact=True).check()
    expect(panel.get_by_label("Task", exact=True)).to_have_value("digits")
    press_run(panel)
    expect(panel.locator("img").first).to_have_attribute("alt", re.compile("^Speedup of digits "))
    notebook.run(BROKEN_TASK)
    panel.get_by_label("Task", exact=True).select_option("broken")
    button(panel, "Run").click()
    expect(panel.get_by_role("status")).to_contain_text("Not measured: ", timeout=RUN_MS)
    expect(panel.locator("summary", has_text="Details")).to_be_visible()
    nothing_for_axe(notebook)


@pytest.mark.slow
def test_a_restarted_kernel_leaves_no_process(show):
    """Whoever restarts the kernel in the middle of a run finds nothing of it running a little later."""
    notebook, panel = show(QUIET)
    button(panel, "Run").click()
    session = begun(notebook, panel, "calibrating sleep")
    notebook.server.ask("POST", f"api/kernels/{notebook.kernel()}/restart")
    assert gone(session)

"""How long a student waits: `.venv/bin/python tests/benchmark_page.py`, in JupyterLab and headless Chromium.

Timed in the page itself, in the default profile: every lesson from *Run all* to its first chart and to its end; a
panel from Run to the first word and to the first chart, and from Stop to idle; and how far the page moves meanwhile.
Words after the command choose: `panel` (that of lesson 00), numbers of lessons such as 02 05; none: all. Not a test:
the figures depend on the machine. Close other programs first.
"""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import lab_page
from playwright.sync_api import sync_playwright

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
WITHIN_MS = 300_000
TIMES = 5
TARGETS = {
    "first word": "Run to the first word, ms (at most 100)",
    "first chart": "Run to the first chart, ms (at most 1300)",
    "idle": "Stop to idle, ms (at most 300)",
    "moved at first": "layout shift from Run until 0.2 s after the first chart (0)",
    "moved later": "layout shift after that, while the chart grows (0)",
}
# Milliseconds from the start of all cells to the first chart, and to the end.
ALL = """async () => {
  const {shell, commands} = window.jupyterapp, root = shell.currentWidget.node, begun = performance.now();
  let chart_ms = null;
  const observer = new MutationObserver(() => {
    if (chart_ms === null && root.querySelector('.jp-OutputArea-output img[alt]'))
      chart_ms = performance.now() - begun;
  });
  observer.observe(root, {childList: true, subtree: true});
  await commands.execute('notebook:run-all-cells');
  observer.disconnect();
  return [chart_ms, performance.now() - begun];
}"""
# Presses a button of the first panel and waits until its state is the wanted one. Milliseconds to the first change of
# what the panel says, to the first new chart and to that state, and how far the page was moved.
PRESS = """async ([label, wanted]) => {
  const panel = document.querySelector('.conc-lab-panel'), began = {};
  const words = () => [...panel.querySelectorAll('button')].map(button => [button.innerText.trim(), button.disabled]);
  const button = () => [...panel.querySelectorAll('button')].find(
    ({innerText, disabled}) => !disabled && new RegExp(`(^|\\\\W)${label}$`).test(innerText.trim()));
  const status = () => panel.querySelector('[role=status]')?.textContent ?? '';
  const said = () => JSON.stringify([status(), words()]);
  const charts = () => [...panel.querySelectorAll('img')].map(image => image.src).join();
  const idle = () => words().some(([word, disabled]) => !disabled && /(^|\\W)Run$/.test(word));
  const states = {
    done: () => idle() && status().includes('Done.'),
    stopped: () => idle() && status().includes('Stopped'),
    'a round': () => began['first chart'] !== undefined,
  };
  panel.scrollIntoView();
  const before = {said: said(), charts: charts()};
  const moved = [], shifts = new PerformanceObserver(list => moved.push(...list.getEntries()));
  shifts.observe({type: 'layout-shift'});
  let start, observer;
  await new Promise(resolve => {
    const look = () => {
      const ms = performance.now() - start;
      if (said() !== before.said) began['first word'] ??= ms;
      if (charts() !== before.charts && charts()) began['first chart'] ??= ms;
      if (states[wanted]()) { began.idle ??= ms; resolve(); }
    };
    observer = new MutationObserver(look);
    observer.observe(panel, {childList: true, subtree: true, characterData: true, attributes: true});
    start = performance.now();
    button().click();
  });
  observer.disconnect();
  await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  moved.push(...shifts.takeRecords());
  shifts.disconnect();
  const sum = entries => entries.reduce((total, {value}) => total + value, 0);
  const early = ({startTime}) => startTime - start < (began['first chart'] ?? Infinity) + 200;
  began['moved at first'] = sum(moved.filter(early));
  began['moved later'] = sum(moved.filter(entry => !early(entry)));
  return began;
}"""


def median(values):
    """The median and all values, as text."""
    digits = 3 if max(values) < 10 else 0
    return f"{statistics.median(values):.{digits}f}  ({', '.join(f'{value:.{digits}f}' for value in values)})"


def lessons(page, server, names):
    """Seconds to the first chart and to the end of every lesson; those of 00 several times."""
    total = 0
    for name in names:
        charts, wholes = [], []
        for _ in range(TIMES if name.startswith("00") else 1):
            page.goto("about:blank")
            server.end_kernels()
            notebook = lab_page.Notebook(page, server, name)
            page.wait_for_load_state("networkidle")  # JupyterLab's own loading takes up to 0.7 s more
            chart_ms, whole_ms = page.evaluate(ALL)
            charts.append((chart_ms or float("nan")) / 1000)
            wholes.append(whole_ms / 1000)
        total += statistics.median(wholes)
        print(f"{name}: first chart after s {median(charts)}; done after s {median(wholes)}", notebook.errors())
    print(f"all of these {total:.0f} s (each at most 40 s, the first chart of 00 at most 2 s)", flush=True)


def presses(page, server):
    """The figures of `TARGETS` from the panel of lesson 00: medians, and the worst layout shift."""
    page.goto("about:blank")
    server.end_kernels()
    notebook = lab_page.Notebook(page, server, "00_your_lab.ipynb")
    notebook.run("import conc_lab")
    notebook.run("lab.bet(")
    notebook.run("lab.panel(")
    page.wait_for_selector(".conc-lab-panel button", timeout=WITHIN_MS)
    found = {name: [] for name in TARGETS}
    for _ in range(TIMES):
        done = page.evaluate(PRESS, ["Run", "done"])
        for name in found.keys() - {"idle"}:
            found[name].append(done[name])
        page.evaluate(PRESS, ["Run", "a round"])
        found["idle"].append(page.evaluate(PRESS, ["Stop", "stopped"])["idle"])
    assert not server.runs()
    for name, values in found.items():
        worst = f"{max(values):.3f} at most" if "moved" in name else median(values)
        print(f"{TARGETS[name]}: {worst}", flush=True)


if __name__ == "__main__":
    names, words = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")), sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home, sync_playwright() as pw:
        for path in NOTEBOOKS.glob("*.ipynb"):
            shutil.copy(path, folder)
        server = lab_page.Server(Path(folder), Path(home), "class").answers()
        try:
            browser = pw.chromium.launch(
                executable_path=lab_page.CHROMIUM,
                args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
            )
            page = browser.new_page(viewport={"width": 1300, "height": 1600})
            page.set_default_timeout(WITHIN_MS)
            if not words or "panel" in words:
                presses(page, server)
            lessons(page, server, [name for name in names if not words or name[:2] in words])
            browser.close()
        finally:
            server.close()

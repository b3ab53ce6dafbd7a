"""How long a student waits: `.venv/bin/python tests/benchmark_lessons.py`, in JupyterLab and a browser.

Every lesson in the default profile from Run All Cells to its first chart and to its end; from a panel's Run to the
first progress, and from its Stop to idle; then all lessons under nbval in the quick profile. Words after the command
name the lessons, such as 02 05. Not a test: the figures depend on the machine. Close other programs first.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lab_page
from playwright.sync_api import sync_playwright

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
LESSON_S = 300
CHART = ".jp-OutputArea-output .conc-lab img[alt]"
PRESSES = 5


def lessons(browser, server, names):
    """Seconds to the first chart and to the end of every lesson."""
    total = 0
    for name in names:
        page = browser.new_page(viewport={"width": 1300, "height": 1600})
        notebook = lab_page.Notebook(page, server, name)
        start = time.perf_counter()
        notebook.start()
        page.wait_for_selector(CHART, timeout=LESSON_S * 1000)
        chart_s = time.perf_counter() - start
        page.wait_for_function("() => window.cellsRun", timeout=LESSON_S * 1000)
        total += (whole_s := time.perf_counter() - start)
        print(f"{name}: first chart after {chart_s:.1f} s, done after {whole_s:.1f} s", notebook.errors(), flush=True)
        if name.startswith("02"):
            presses(notebook)
        page.close()
        server.end_kernels()
    print(f"together {total:.0f} s")


def presses(notebook):
    """Seconds from Run to the first progress on the page, and from Stop to idle with no process left, in a panel."""
    panel = notebook.page.locator(".conc-lab-panel").last
    run, stop = (panel.locator(f"button[title='{label}']") for label in ("Run", "Stop"))
    status = panel.locator("[role=status]").first
    shown, stopped = [], []
    for _ in range(PRESSES):
        start = time.perf_counter()
        run.click()
        while "%" not in status.inner_text():
            time.sleep(0.005)
        shown.append(time.perf_counter() - start)
        time.sleep(1)
        start = time.perf_counter()
        stop.click()
        while not run.is_enabled():
            time.sleep(0.005)
        assert not notebook.server.runs()
        stopped.append(time.perf_counter() - start)
        time.sleep(0.5)
    print(f"Run to first progress on the page, s: {', '.join(f'{value:.2f}' for value in shown)} (target 0.5)")
    print(f"Stop to idle with no process left, s: {', '.join(f'{value:.2f}' for value in stopped)} (target 1)")


def under_nbval(names):
    """Seconds of all lessons under nbval, one after the other, in the quick profile."""
    took = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(NOTEBOOKS / name, folder)
            command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={folder}"]
            command += ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=120", name]
            start = time.perf_counter()
            done = subprocess.run(
                command, cwd=folder, env=os.environ | {"CONC_LAB_PROFILE": "quick"}, capture_output=True, text=True
            )
            took[name] = time.perf_counter() - start
            assert done.returncode == 0, done.stdout[-3000:]
    print("under nbval, quick, s:", ", ".join(f"{name[:2]} {value:.1f}" for name, value in took.items()))
    print(f"00, 02 and 03 together {sum(took.get(name, 0) for name in took if name[:2] in ('00', '02', '03')):.0f} s")
    print(f"all together {sum(took.values()):.0f} s")


if __name__ == "__main__":
    names = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
    names = [name for name in names if not sys.argv[1:] or name[:2] in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home, sync_playwright() as pw:
        for name in names:
            shutil.copy(NOTEBOOKS / name, folder)
        server = lab_page.Server(Path(folder), Path(home), "class")
        try:
            browser = pw.chromium.launch(
                executable_path=lab_page.CHROMIUM,
                args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
            )
            lessons(browser, server, names)
            browser.close()
        finally:
            server.close()
    under_nbval(names)

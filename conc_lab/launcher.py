"""Opens the course: JupyterLab at the first lesson, on loopback, with a token, on a free port.

In a checkout the lessons are those in `notebooks/`. An installed package carries them in `conc_lab/course/`, and they
are copied into the folder `conc_lab_course` first, where a student may change them.
"""

import os
import secrets
import signal
import sys
from pathlib import Path

from .engine import files

PACKAGE = Path(__file__).parent
FIRST = "00_your_lab.ipynb"
COPY = "conc_lab_course"


def open_course() -> None:
    """Serve the lessons until Ctrl-C."""
    folder = lessons()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        print("You are root, as in many containers, so JupyterLab is told to accept that.")
    server = _server(folder, token := secrets.token_hex(24))
    # JupyterLab would ask a question, or, where the terminal is none, be interrupted in whatever it is doing.
    signal.signal(signal.SIGINT, lambda *_: server.stop(from_signal=True))
    where = f"The course is at http://127.0.0.1:{server.port}{server.base_url}lab/tree/{FIRST}?token={token}\n"
    where += "If no browser opens, copy this address into one. Press Ctrl-C in this terminal to end the course."
    server.io_loop.add_callback(print, where, flush=True)  # once it listens
    server.start()
    print("\nThe course has ended.")


def lessons() -> Path:
    """The folder with the lessons: the checkout's, or else a copy of the package's in the present folder.

    A file that is in the copy already is never overwritten. Raises LabError where the copy cannot be written.
    """
    checkout = PACKAGE.parent / "notebooks"
    if (checkout / FIRST).exists():
        return checkout
    folder = Path.cwd() if Path.cwd().name == COPY else Path.cwd() / COPY
    for lesson in filter(Path.is_file, (PACKAGE / "course").iterdir()):
        if not os.path.lexists(folder / lesson.name):
            files.write(folder / lesson.name, lesson.read_bytes(), "the lessons")
    print(f"The lessons are in {folder}. Files that were there already are left as they are.")
    return folder


def _server(folder, token):
    """A JupyterLab that is ready to be started, and asks no question about news on its first page."""
    paths = [str(PACKAGE / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    from jupyterlab.labapp import LabApp

    options = [f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1", "--ServerApp.allow_root=True"]
    options += [f"--IdentityProvider.token={token}", f"--LabApp.default_url=/lab/tree/{FIRST}"]
    options += ["--Application.log_level=ERROR"]
    # Without a display, Python would take a browser that shows text in this terminal.
    if sys.platform == "linux" and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))):
        options.append("--ServerApp.open_browser=False")
    return LabApp.initialize_server(argv=options)

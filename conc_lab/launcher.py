"""Opens the course: JupyterLab at the first lesson, on loopback, with a token, on a free port.

In a checkout the lessons are those in `notebooks/`. An installed package carries them in `conc_lab/course/`, and they
are copied into the folder `conc_lab_course` first, where a student may change them.
"""

import os
import secrets
import signal
import sys
from pathlib import Path

from .engine.errors import LabError

PACKAGE = Path(__file__).parent
FIRST = "00_your_lab.ipynb"
COPY = "conc_lab_course"


def open_course() -> int:
    """Serve the lessons until Ctrl-C, and return the exit status."""
    folder = lessons()
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if as_root:
        print("You are root, as in many containers: JupyterLab is allowed to run as root.")
    token = secrets.token_hex(24)
    server = _server(folder, token, as_root)
    # JupyterLab would ask a question, or, where the terminal is none, be interrupted in whatever it is doing.
    signal.signal(signal.SIGINT, lambda *_: _end(server))
    server.io_loop.add_callback(_say_where, server, token)  # once it listens
    server.start()
    return 0


def _say_where(server, token):
    print(f"The course is at http://127.0.0.1:{server.port}{server.base_url}lab/tree/{FIRST}?token={token}")
    print("If no browser opens, copy this address into one. Ctrl-C in this terminal ends the course.", flush=True)


def _end(server):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C does not wait for the kernels
    print("\nThe course ends.", flush=True)
    server.stop(from_signal=True)


def lessons() -> Path:
    """The folder with the lessons: the checkout's, or else a copy of the package's in the present folder.

    A file that is in the copy already is never overwritten. Raises LabError where the copy cannot be written.
    """
    checkout = PACKAGE.parent / "notebooks"
    if (checkout / FIRST).exists():
        return checkout
    kept = 0
    try:
        here = Path.cwd()
        folder = here if here.name == COPY else here / COPY
        folder.mkdir(exist_ok=True)
        for lesson in sorted((PACKAGE / "course").iterdir()):
            target = folder / lesson.name
            if os.path.lexists(target):
                kept += 1
            elif lesson.is_file():
                part = target.with_name(f"{lesson.name}.part")  # a copy that is cut short must not count as a lesson
                part.write_bytes(lesson.read_bytes())
                part.rename(target)
    except OSError as error:
        raise LabError(
            f"the lessons could not be copied to the folder {COPY} ({error.strerror}): "
            f"start conc-lab in a folder that you can write to"
        ) from error
    print(f"The lessons are in {folder}{f'; {kept} files there were kept as they are' if kept else ''}.")
    return folder


def _server(folder, token, as_root):
    """A JupyterLab that is ready to be started, and asks no question about news on its first page."""
    paths = [str(PACKAGE / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    from jupyterlab.labapp import LabApp

    options = {
        "ServerApp.root_dir": folder,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port_retries": 50,
        "ServerApp.allow_root": as_root,
        "Application.log_level": "ERROR",
        "IdentityProvider.token": token,
        "LabApp.default_url": f"/lab/tree/{FIRST}",
    }
    # Without a display, Python would take a browser that shows text in this terminal.
    if sys.platform == "linux" and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))):
        options["ServerApp.open_browser"] = False
    return LabApp.initialize_server(argv=[f"--{name}={value}" for name, value in options.items()])

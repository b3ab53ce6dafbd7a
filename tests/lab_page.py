"""A real JupyterLab and a real Chromium, driven as a student would: open a notebook, run cells, press keys."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import time
import urllib.request
from subprocess import DEVNULL

import nbformat
import psutil
from helpers import begun

from conc_lab.engine.session import RESOURCE_TRACKER
from conc_lab.launcher import PACKAGE

LOAD_S = 60  # JupyterLab is on the page after 3 to 10 s here, and must not keep a stuck test for ever
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
SETTINGS = {
    # Without this, JupyterLab takes the cells that are out of view off the page.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
RUN_CELLS = """async ([first, last]) => {
  const panel = window.jupyterapp.shell.currentWidget;
  window.cellsRun = false;
  panel.content.deselectAll();
  panel.content.activeCellIndex = first;
  if (last > first) panel.content.extendContiguousSelectionTo(last);
  window.jupyterapp.commands.execute('notebook:run-cell').then(() => { window.cellsRun = true; });
}"""
ERRORS = """() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells.flatMap(
  cell => (cell.outputs ?? []).filter(output => output.output_type === 'error').map(output => output.ename))"""
NOT_RUN = """() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells.filter(
  cell => cell.cell_type === 'code' && cell.execution_count === null).map(cell => cell.source)"""
OPEN = """async path => {
  const app = window.jupyterapp;
  for (const shown of [...app.shell.widgets('main')]) shown.dispose();
  await app.commands.execute('docmanager:open', {path, factory: 'Notebook'});
}"""
READY = """async path => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  if (panel?.context?.path !== path) return false;
  await panel.context.ready;
  await panel.sessionContext.ready;
  return panel.sessionContext.session?.kernel?.status === 'idle';
}"""


class Server:
    """JupyterLab on a port of its own, with a folder of its own and none of the user's settings."""

    def __init__(self, folder, home, profile="quick"):
        self.folder, self._log = folder, home / "log"
        for name, content in SETTINGS.items():
            file = home / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        homes = ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "JUPYTER_RUNTIME_DIR")
        token = secrets.token_hex(8)
        self.address, self._key = f"http://127.0.0.1:{port}", f"token={token}"
        as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", *as_root]
        command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
        command += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"]
        env = os.environ | dict.fromkeys(homes, str(home)) | {"CONC_LAB_PROFILE": profile}
        env["JUPYTER_CONFIG_PATH"] = str(PACKAGE / "jupyter")  # as the launcher starts it
        with open(self._log, "wb") as log:
            self.process = begun(command, env=env, stdin=DEVNULL, stdout=log, stderr=log)

    def answers(self):
        """Wait until it does, and return it."""
        deadline = time.monotonic() + LOAD_S
        while True:
            with contextlib.suppress(OSError):
                self.ask("GET", "api")
                return self
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"JupyterLab did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.1)

    def ask(self, method, path):
        """The server's answer to a request of its REST interface."""
        request = urllib.request.Request(f"{self.address}/{path}?{self._key}", method=method)
        with urllib.request.urlopen(request, timeout=LOAD_S) as reply:
            return json.loads(reply.read() or "null")

    def url(self, notebook):
        return f"{self.address}/lab/tree/{notebook}?{self._key}&reset"

    def end_kernels(self):
        for kernel in self.ask("GET", "api/kernels"):
            self.ask("DELETE", f"api/kernels/{kernel['id']}")

    def end_runs(self):
        """End whatever a failed test has left running."""
        for session in self.runs():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(session, signal.SIGKILL)

    def close(self):
        """Kill the server and its kernels: to ask each takes a second. Resource trackers remove what these have left in
        shared memory, where other tests would find it, and leave by themselves.
        """
        if self.process.poll() is not None:
            return
        server = psutil.Process(self.process.pid)
        for process in (server, *server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                if not any(RESOURCE_TRACKER in word for word in process.cmdline()):
                    process.kill()
        self.process.wait()

    def runs(self):
        """The sessions of the experiments that run below this server: the pid of each one's child."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if any("conc_lab.engine.child" in word for word in process.cmdline()):
                    found.append(os.getsid(process.pid))
        return sorted(set(found))


def in_session(session):
    """The command lines, by pid, of the session's processes that still run, whoever their parent now is."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline())[:80]
    return found


class Notebook:
    """A notebook of the server's, open on a page; what was open there before is closed, its kernel goes on."""

    def __init__(self, page, server, name):
        self.page, self.server, self.name = page, server, name
        self._sources = [cell.source for cell in nbformat.read(server.folder / name, as_version=4).cells]
        if page.url.startswith(server.address):  # JupyterLab is there: to load it again takes 2.5 s
            page.evaluate(OPEN, name)
        else:
            page.goto(server.url(name))
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LOAD_S * 1000)
        page.wait_for_function(READY, arg=name, timeout=LOAD_S * 1000)

    def has(self, text):
        """Whether a cell's source contains the text."""
        return any(text in source for source in self._sources)

    def place(self, text):
        """The index of the one cell whose source contains the text."""
        (place,) = [index for index, source in enumerate(self._sources) if text in source]
        return place

    def cell(self, text):
        """The locator of the one cell whose source contains the text."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.place(text))

    def start(self, first=None, last=None):
        """Start the cells from the one that contains `first` to the one that contains `last`, by default all."""
        begin = 0 if first is None else self.place(first)
        end = len(self._sources) - 1 if first is None else begin if last is None else self.place(last)
        self.page.evaluate(RUN_CELLS, [begin, end])

    def run(self, first=None, last=None, within_s=LOAD_S):
        """`start` and wait until they are done."""
        self.start(first, last)
        self.page.wait_for_function("() => window.cellsRun", timeout=within_s * 1000)

    def kernel(self):
        """The id of the notebook's kernel."""
        (found,) = [session for session in self.server.ask("GET", "api/sessions") if session["path"] == self.name]
        return found["kernel"]["id"]

    def not_run(self):
        """The sources of the code cells that have not been run."""
        return self.page.evaluate(NOT_RUN)

    def errors(self):
        """The names of the errors among the outputs, in the notebook's order."""
        return self.page.evaluate(ERRORS)

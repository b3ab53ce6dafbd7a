"""Small programs of conc_lab's own, each in a bare interpreter: what is measured or broken, and who answers."""

import subprocess
import sys

from .errors import LabError, cannot_start


def start(module: str, *args, **pipes) -> subprocess.Popen:
    """Start `main` of one of conc_lab's modules with these arguments; `pipes` as for Popen."""
    command = [sys.executable, "-P", "-c", f"from conc_lab.{module} import main; main()", *map(str, args)]
    try:
        return subprocess.Popen(command, **pipes)
    except OSError as error:
        raise LabError(cannot_start("a Python process", error)) from error


def heard(program: subprocess.Popen, what: str) -> list[str]:
    """The words of the program's next line; a LabError where that is "error" and a sentence, or the program ends."""
    words = program.stdout.readline().decode().split()
    if words and words[0] != "error":
        return words
    why = " ".join(words[1:]) if words else f"it ended with exit code {program.wait()}"
    raise LabError(f"{what} could not go on: {why}")

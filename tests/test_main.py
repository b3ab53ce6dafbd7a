"""The command line: `conc-lab` and its commands. Real runs of every experiment by it are in test_real_runs.py."""

import os
import signal
import subprocess
import sys

import helpers
import psutil
import pytest
from made.results import TWO, made

from conc_lab import __main__
from conc_lab.drawing import picture
from conc_lab.drawing.facts import machine
from conc_lab.engine import experiment, parameters, run
from conc_lab.engine.errors import LabError
from conc_lab.engine.session import STOPPED

SMALL = ["--task", "count_primes", "--workers", "1", "2", "--kinds", "threads", "--task-ms", "0.2", "--rounds", "2"]
TIMEOUT_S = 120  # each of these takes 2 to 5 s here
COMMAND = [sys.executable, "-m", "conc_lab"]
posix = pytest.mark.skipif(os.name == "nt", reason="signals, pipes and devices as POSIX has them")


def command(*words, **how):
    """`python -m conc_lab` with these words, in a process of its own."""
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=TIMEOUT_S, **how)


@pytest.fixture
def main(capsys):
    """Runs the command line here: (exit status, stdout, stderr)."""

    def main(*words):
        status = __main__.main(list(map(str, words)))
        return status, *capsys.readouterr()

    return main


def test_machine(main):
    """`machine` prints every fact, one a line, each with its name."""
    status, out, err = main("machine")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == [*machine(), "pythons"]
    assert f" {machine().in_words()['cpu_quota']}\n" in out


@posix
def test_a_reader_who_has_enough():
    """Where nobody reads the output any more, as after `| head -1`, the command ends quietly."""
    for word in ("machine", "--help"):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([*COMMAND, word], stdout=write, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S)
        os.close(write)
        assert done.stderr == "" and done.returncode in (0, 1), word


def test_a_bad_value(main):
    """A value that cannot be run ends the process with 1 and one sentence, without a traceback.

    A word that is no number is checked as a word, and a fraction is not a whole number.
    """
    done = command("speedup", "--workers", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "workers must be a whole number between 1 and 256, got 0\n"
    for words, got in (("--workers 1 four", "'four'"), ("--workers 1.5", "1.5"), ("--rounds ten", "'ten'")):
        status, out, err = main("speedup", *words.split())
        assert (status, out) == (1, "") and err.endswith(f", got {got}\n"), words


def test_a_bad_file(main, monkeypatch, tmp_path):
    """A file that could not be written in the end is refused before the run, and none is left."""
    monkeypatch.setattr(run, "run", lambda *_, **__: pytest.fail("it was run"))
    (tmp_path / "file").write_text("x")
    for option, name, sentence in (
        ("--save", "file/out.json", f"the result could not be written to {tmp_path}/file/out.json: "),
        ("--chart", "file/out.png", f"the chart could not be written to {tmp_path}/file/out.png: "),
    ):
        status, out, err = main("speedup", option, tmp_path / name)
        assert (status, out) == (1, "") and err.startswith(sentence) and err.count("\n") == 1, (option, name)
    monkeypatch.setattr(run, "run", lambda *_, **__: (_ for _ in ()).throw(LabError("enough")))
    assert main("speedup", "--save", tmp_path / "file", "--chart", tmp_path / "new.png") == (1, "", "enough\n")
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "x"


def test_a_failing_task(main, monkeypatch):
    """A task's own error ends with status 1: the sentence first, then the task's traceback."""
    monkeypatch.syspath_prepend(helpers.TESTS)
    monkeypatch.chdir(helpers.TESTS)
    status, out, err = main("speedup", *SMALL, "--task", "own_tasks:raises")
    assert (status, out) == (1, "")
    assert err.startswith("the task own_tasks:raises raised ValueError: broken on purpose\n")
    assert "Traceback" in err and "own_tasks.py" in err


def test_an_unknown_command_or_option(main, capsys):
    """What the command line does not know ends with argparse's status 2 and its usage."""
    for words in (["nonsense"], ["speedup", "--nonsense", "1"]):
        with pytest.raises(SystemExit) as caught:
            main(*words)
        assert caught.value.code == 2 and "usage: conc-lab" in capsys.readouterr().err


def test_every_parameter_is_an_option(main, capsys):
    """Each experiment is a command, and each of its parameters an option with its help and its default."""
    for name in experiment.names():
        with pytest.raises(SystemExit) as caught:
            main(name, "--help")
        assert caught.value.code == 0
        shown = " ".join(capsys.readouterr().out.split())
        for parameter in parameters.described(experiment.function(name)).values():
            assert f"--{parameter.name.replace('_', '-')} VALUE" in shown
            assert f"{parameter.annotation.help} (default: {parameter.default})" in shown


def test_an_unknown_profile(main, monkeypatch):
    """A profile that does not exist is one sentence, whatever was asked for."""
    monkeypatch.setenv("CONC_LAB_PROFILE", "fast")
    for words in ([], ["--help"], ["machine"]):
        monkeypatch.delitem(sys.modules, "conc_lab.experiments.speedup.measure", raising=not words)  # as at a start
        assert main(*words) == (1, "", "CONC_LAB_PROFILE must be one of quick, class, careful, got 'fast'\n"), words


@posix
def test_ctrl_c_during_a_run():
    """Ctrl-C in the middle of a run ends it with one line and status 130, and no process is left."""
    words = ["speedup", "--workers", "2", "--task-ms", "5", "--rounds", "999"]
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            parent = psutil.Process(process.pid)
            assert helpers.becomes_true(lambda: len(parent.children(recursive=True)) > 2, helpers.LIVENESS_S)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (130, "", f"{STOPPED}\n")


def test_ctrl_c_while_drawing(main, monkeypatch):
    """Ctrl-C while the chart is drawn ends with one line and status 130."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run", lambda *_, **__: made(TWO))
    monkeypatch.setattr(picture, "show", interrupted)
    assert main("speedup") == (130, "", "stopped by Ctrl-C\n")


def test_ctrl_c_while_importing():
    """Ctrl-C while the command's modules are imported ends with one line and status 130."""
    code = """if True:
        import sys

        class Interrupted:
            def find_spec(self, name, *_):
                if name == "conc_lab.experiments":
                    raise KeyboardInterrupt

        sys.meta_path.insert(0, Interrupted())
        from conc_lab.__main__ import main
        sys.exit(main(["machine"]))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped by Ctrl-C\n")

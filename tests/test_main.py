"""The command line: `python -m conc_lab`."""

import subprocess
import sys

import helpers
import pytest

from conc_lab.engine import experiment as experiments, parameters, machine as this_machine
from conc_lab import __main__
from conc_lab.engine.result import load

SMALL = ["--task", "sum_squares", "--workers", "1", "2", "--kinds", "threads", "--task-ms", "0.2", "--rounds", "2"]
TIMEOUT_S = 120  # each of these takes 2 to 5 s here


def command(*words):
    """`python -m conc_lab` with these words, in a process of its own."""
    return subprocess.run([sys.executable, "-m", "conc_lab", *words], capture_output=True, text=True, timeout=TIMEOUT_S)


@pytest.fixture
def main(capsys):
    """Runs the command line here: (exit status, stdout, stderr)."""

    def run(*words):
        status = __main__.main(list(map(str, words)))
        return status, *capsys.readouterr()

    return run


def test_machine(main):
    """`machine` prints every fact, one a line, each with its name."""
    status, out, err = main("machine")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == list(this_machine.machine())


def test_speedup_saved_and_drawn(tmp_path):
    """`speedup --save --chart` as a command leaves a result and a picture, and says what came out in a sentence."""
    saved, chart = tmp_path / "results/out.json", tmp_path / "out.png"
    done = command("speedup", *SMALL, "--save", str(saved), "--chart", str(chart))
    assert done.returncode == 0 and done.stderr == ""
    result = load(saved)
    assert result.params["workers"] == [1, 2] and result.params["kinds"] == ["threads"]
    assert result.params["task_ms"] == 0.2 and result.params["rounds"] == 2
    assert chart.read_bytes().startswith(b"\x89PNG")
    lines = done.stdout.splitlines()
    assert lines[0] == f"saved {saved}" and lines[1] == f"drew {chart}"
    assert len(lines) == 3 and "threads" in lines[2] and lines[2].endswith(".")


@pytest.mark.parametrize("case", helpers.RUNS)
def test_every_experiment_is_a_command(main, tmp_path, case):
    """Each experiment runs by its name, is saved and drawn, and says in a sentence or more what came out."""
    status, out, err = main(*helpers.as_options(case), "--save", tmp_path / "out.json", "--chart", tmp_path / "out.png")
    assert (status, err) == (0, "")
    assert load(tmp_path / "out.json").params.items() >= helpers.RUNS[case].items()
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG") and out.strip().endswith(".")


@pytest.mark.parametrize(
    "words, sentence",
    [
        ("--workers 0", "workers must be a whole number between 1 and 256, got 0"),
        ("--workers 1 four", "workers must be a whole number between 1 and 256, got 'four'"),
        ("--workers 1.5", "workers must be a whole number between 1 and 256, got 1.5"),
        ("--workers 10000", "workers must be a whole number between 1 and 256, got 10000"),
        ("--task prime", "unknown task 'prime'; one of: count_primes"),
        ("--task my_tasks:f", "no file for the task 'my_tasks:f'"),
        ("--kinds fibers", "unknown kind 'fibers'; one of: threads"),
        ("--start-method teleport", "unknown start method 'teleport'; one of: "),
        ("--task-ms nan", "task_ms must be a number between 0.1 and 60000, got nan"),
        ("--rounds ten", "rounds must be a whole number between 1 and 99, got 'ten'"),
        ("--kinds asyncio --task count_primes", "asyncio cannot run count_primes"),
    ],
)
def test_bad_values(main, words, sentence):
    """A value that cannot be run ends with status 1 and one sentence on stderr, and nothing on stdout."""
    status, out, err = main("speedup", *words.split())
    assert (status, out) == (1, "")
    assert err.startswith(sentence) and err.count("\n") == 1


def test_a_bad_value_as_a_command():
    """The process itself exits with 1 and one sentence, without a traceback."""
    done = command("speedup", "--workers", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "workers must be a whole number between 1 and 256, got 0\n"


@pytest.mark.parametrize("option", ["--save", "--chart"])
def test_a_file_that_cannot_be_written(main, tmp_path, option):
    """A file that cannot be written is one sentence that names it, and status 1."""
    (tmp_path / "a_file").write_text("")
    status, _, err = main("speedup", *SMALL, option, tmp_path / "a_file/out")
    assert status == 1 and "could not be written" in err and "a_file" in err and err.count("\n") == 1


def test_a_failing_task(main, monkeypatch):
    """A task's own error ends with status 1: the sentence first, then the task's traceback."""
    monkeypatch.syspath_prepend(__file__.rpartition("/")[0])
    monkeypatch.chdir(__file__.rpartition("/")[0])
    status, out, err = main("speedup", *SMALL, "--task", "own_tasks:raises")
    assert (status, out) == (1, "")
    assert err.startswith("the task own_tasks:raises raised ValueError: broken on purpose\n")
    assert "Traceback" in err and "own_tasks.py" in err


@pytest.mark.parametrize("words", [[], ["nonsense"], ["speedup", "--nonsense", "1"]])
def test_an_unknown_command_or_option(main, words, capsys):
    """What the command line does not know ends with argparse's status 2 and its usage."""
    with pytest.raises(SystemExit) as caught:
        main(*words)
    assert caught.value.code == 2 and "usage: python -m conc_lab" in capsys.readouterr().err


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_parameter_is_an_option(main, name, capsys):
    """Each experiment is a command, and each of its parameters an option with its help and its default."""
    with pytest.raises(SystemExit) as caught:
        main(name, "--help")
    assert caught.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for parameter in parameters.described(experiments.function(name)).values():
        assert f"--{parameter.name.replace('_', '-')} VALUE" in shown
        assert f"{parameter.annotation.help} (default: {parameters.default(parameter)})" in shown

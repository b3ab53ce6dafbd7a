"""The command line. `conc-lab` alone opens the course; the commands below need no notebook."""

import argparse
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

from .engine.errors import LabError, RunStopped

INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended, as shells give it


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status: 0; 1 after one sentence on stderr; 130 after Ctrl-C."""
    try:
        try:
            _run(**vars(_parser().parse_args(arguments)))
            return 0
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever reads the output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        return INTERRUPTED
    except LabError as error:
        print(*filter(None, (error, error.detail)), sep="\n", file=sys.stderr)
        return INTERRUPTED if isinstance(error, RunStopped) else 1


# Imports stand in the functions, so that Ctrl-C during one is answered by `main`.


def _run(command, **options):
    own = {None: _course, "machine": _machine, "claims": _claims}
    own.get(command, partial(_experiment, command))(**options)


def _parser():
    from .engine import experiment, parameters, run

    parser = argparse.ArgumentParser(prog="conc-lab", description=__doc__)
    value = {"type": parameters.parsed, "metavar": "VALUE", "default": argparse.SUPPRESS}
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("machine", help="what this machine can show")
    commands.add_parser("claims", help="the article's claims, decided by what the lessons kept or, else, measured here")
    for name in experiment.names():
        function = experiment.function(name)
        command = commands.add_parser(name, help=function.__doc__.splitlines()[0])
        for parameter in parameters.described(function).values():
            several = {"nargs": "+"} if isinstance(parameter.annotation, parameters.Several) else {}
            text = f"{parameter.annotation.help} (default: {parameters.default(parameter)})"
            command.add_argument(f"--{parameter.name.replace('_', '-')}", help=text, **several, **value)
        command.add_argument("--timeout", type=float, default=run.TIMEOUT_S, metavar="SECONDS")
        command.add_argument("--save", type=Path, metavar="FILE.json", help="write the result")
        command.add_argument("--chart", type=Path, metavar="FILE.png", help="draw the result")
    return parser


def _course():
    from . import launcher

    launcher.open_course()


def _machine():
    from .engine.machine import machine

    for name, value in machine().items():
        print(f"{name:20} {value}")


def _claims():
    from . import claim_table

    try:
        table = claim_table.measured(claim_table.claims(), _say)
    finally:
        _say("\n")
    print(table)


def _say(text):
    """A line of progress that the next one replaces, or the end of such lines; only where somebody reads along."""
    if sys.stderr.isatty():
        print(f"\r{text:60}" if text.strip() else text, end="", file=sys.stderr, flush=True)


def _experiment(command, timeout, save, chart, **params):
    from .engine import files, run

    save = save and _writable("--save", save, f"{command}.json")
    chart = chart and _writable("--chart", chart, f"{command}.png")
    try:
        result = run.run(command, params, timeout, on_progress=lambda done, doing, _: _say(f"{done:4.0%} {doing}"))
    finally:
        _say("\n")
    if save:
        print(f"saved {result.save(save)}")
    from .drawing.picture import show

    picture = show(result)
    if chart:
        print(f"drew {files.write(chart, picture.png, 'the chart')}")
    print(picture.sentence)


def _writable(option, path, example):
    """The path, or what a link there leads to. Raises LabError, before a run is wasted, where no file can be."""
    try:
        path = path.resolve() if path.is_symlink() else path
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "no ordinary file"
            raise LabError(f"{option} {path} is {what}: give the name of a file, such as {example}")
        with tempfile.TemporaryFile(dir=next(folder for folder in path.absolute().parents if folder.exists())):
            return path
    except OSError as error:
        problem = f"{option} {path} could not be written ({error.strerror})"
        raise LabError(f"{problem}: choose a file in a folder that you can write to") from error


if __name__ == "__main__":
    sys.exit(main())

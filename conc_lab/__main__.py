"""The command line. `conc-lab` alone opens the course; the commands below need no notebook."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from .engine.errors import LabError, RunStopped

INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended, as shells give it


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status: 0; 1 after one sentence on stderr; 130 after Ctrl-C."""
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever reads the output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        return INTERRUPTED
    except LabError as error:
        print(error, file=sys.stderr)
        if error.detail:
            print(error.detail, file=sys.stderr)
        return INTERRUPTED if isinstance(error, RunStopped) else 1


# Imports stand in the functions, so that Ctrl-C during one is answered by `main`.


def _run(arguments):
    options = vars(_parser().parse_args(arguments))
    own = {None: _course, "machine": _machine, "claims": _claims}.get(options["command"])
    return own() if own else _experiment(**options)


def _parser():
    from .engine import experiment, parameters, run

    parser = argparse.ArgumentParser(prog="conc-lab", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("machine", help="what this machine can show")
    commands.add_parser("claims", help="the article's claims, decided by what the lessons kept or, else, measured here")
    for name in experiment.names():
        function = experiment.function(name)
        command = commands.add_parser(name, help=function.__doc__.splitlines()[0])
        for parameter in parameters.described(function).values():
            several = isinstance(parameter.annotation, parameters.Several)
            command.add_argument(
                f"--{parameter.name.replace('_', '-')}",
                nargs="+" if several else None,
                type=parameters.parsed,
                metavar="VALUE",
                default=argparse.SUPPRESS,
                help=f"{parameter.annotation.help} (default: {parameters.default(parameter)})",
            )
        command.add_argument("--timeout", type=float, default=run.TIMEOUT_S, metavar="SECONDS")
        command.add_argument("--save", type=Path, metavar="FILE.json", help="write the result")
        command.add_argument("--chart", type=Path, metavar="FILE.png", help="draw the result")
    return parser


def _course():
    from . import launcher

    return launcher.open_course()


def _machine():
    from .engine.machine import machine

    for name, value in machine().items():
        print(f"{name:20} {value}")
    return 0


def _claims():
    from . import claim_table

    table = claim_table.claims()
    try:
        table = claim_table.measured(table, _say)
    finally:
        _say("\n")
    print(table)
    return 0


def _say(text):
    """A line of progress that the next one replaces, or the end of such lines; only where somebody reads along."""
    if sys.stderr.isatty():
        print(f"\r{text:60}" if text.strip() else text, end="", file=sys.stderr, flush=True)


def _experiment(command, timeout, save, chart, **params):
    from .engine import files, run

    save = save and _writable("--save", save, f"{command}.json")
    chart = chart and _writable("--chart", chart, f"{command}.png")
    try:
        result = run.run(
            command, params, timeout, on_progress=lambda fraction, doing, left_s: _say(f"{fraction:4.0%} {doing}")
        )
    finally:
        _say("\n")
    if save:
        print(f"saved {result.save(save)}")
    from .drawing.picture import show

    picture = show(result)
    if chart:
        print(f"drew {files.write(chart, picture.png, 'the chart')}")
    print(picture.sentence)
    return 0


def _writable(option, path, example):
    """The path, or what a link there leads to. Raises LabError, before a run is wasted, where no file can be."""
    try:
        path = path.resolve() if path.is_symlink() else path
        if path.is_dir():
            raise LabError(f"{option} {path} is a folder: give the name of a file, such as {path / example}")
        if path.exists() and not path.is_file():
            raise LabError(f"{option} {path} is no ordinary file: give the name of a file, such as {example}")
        with tempfile.TemporaryFile(dir=next(folder for folder in path.absolute().parents if folder.exists())):
            return path
    except OSError as error:
        raise LabError(
            f"{option} {path} could not be written ({error.strerror}): choose a file in a folder that you can write to"
        ) from error


if __name__ == "__main__":
    sys.exit(main())

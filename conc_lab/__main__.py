"""The command line. `conc-lab` alone opens the course; the commands below need no notebook."""

import argparse
import sys
from functools import partial
from pathlib import Path

from .engine.errors import LabError, RunStopped

INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended, as shells give it


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status: 0; 1 after one sentence on stderr; 130 after Ctrl-C."""
    try:
        options = vars(_parser().parse_args(arguments))
        options.pop("command")(**options)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # whoever reads the output, such as `head`, has enough
        return 1
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        return INTERRUPTED
    except LabError as error:
        print(*filter(None, (error, error.detail)), sep="\n", file=sys.stderr)
        return INTERRUPTED if isinstance(error, RunStopped) else 1


# Imports stand in the functions, so that Ctrl-C during one is answered by `main`.


def _parser():
    from . import launcher
    from .engine import experiment, parameters, run

    parser = argparse.ArgumentParser(prog="conc-lab", description=__doc__)
    parser.set_defaults(command=launcher.open_course)
    commands = parser.add_subparsers()
    commands.add_parser("machine", help="show this machine's CPUs, memory and Python").set_defaults(command=_machine)
    commands.add_parser("claims", help="test the article's claims here, in minutes").set_defaults(command=_claims)
    for name in experiment.names():
        function = experiment.function(name)
        command = commands.add_parser(name, help=function.__doc__.splitlines()[0])
        command.set_defaults(command=partial(_experiment, name))
        for parameter in parameters.described(function).values():
            kind = parameter.annotation
            text = f"{kind.help} (default: {parameter.default})"
            value = {"type": parameters.parsed, "metavar": "VALUE", "default": argparse.SUPPRESS}
            value |= {"nargs": "+"} if isinstance(kind, parameters.Several) else {}
            command.add_argument(f"--{parameter.name.replace('_', '-')}", help=text, **value)
        command.add_argument("--timeout", type=float, default=run.TIMEOUT_S, metavar="SECONDS", help=run.TIMEOUT.help)
        command.add_argument("--python", help="the Python that runs it: 3.14, 3.13t, free-threaded or a path")
        command.add_argument("--scheduler", metavar="ADDRESS", help="use a Dask cluster, such as tcp://127.0.0.1:8786")
        command.add_argument("--save", type=Path, metavar="FILE.json", help="save the result in this file")
        command.add_argument("--chart", type=Path, metavar="FILE.png", help="save the chart in this file")
    return parser


def _machine():
    from .drawing.facts import machine

    for name, value in machine().in_words().items():
        print(f"{name:20} {value}")


def _claims():
    from . import claim_table

    print(claim_table.measured(claim_table.claims(), say=partial(print, file=sys.stderr)))


def _experiment(name, timeout, python, scheduler, save, chart, **params):
    from .engine import files, run

    for path, what in ((save, "the result"), (chart, "the chart")):
        if path:  # a run may take minutes
            files.write(path, None, what)
    try:
        result = run.run(name, params, timeout, python=python, scheduler=scheduler, on_progress=_show_progress)
    finally:
        if sys.stderr.isatty():
            print(file=sys.stderr)
    from .drawing.picture import show

    picture = show(result)
    print(picture.sentence)
    if save:
        print(f"saved {result.save(save)}")
    if chart:
        print(f"drew {files.write(chart, picture.png, 'the chart')}")


def _show_progress(fraction, doing, _):
    """A line that the next one replaces, only where somebody reads along."""
    if sys.stderr.isatty():
        print(f"\r{fraction:4.0%} {doing:50}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

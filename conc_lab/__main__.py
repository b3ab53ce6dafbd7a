"""The command line: `python -m conc_lab machine`, `claims`, and every experiment by its name."""

import argparse
import sys
from pathlib import Path

from .engine import experiment as experiments, parameters, run as runner
from .engine.errors import LabError
from .engine.machine import machine


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, or 1 after one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m conc_lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("machine", help="what this machine can show")
    commands.add_parser("claims", help="the article's claims, decided by what the lessons kept or, else, measured here")
    for name in experiments.NAMES:
        function = experiments.function(name)
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
        command.add_argument("--timeout", type=float, default=runner.TIMEOUT_S, metavar="SECONDS")
        command.add_argument("--save", type=Path, metavar="FILE.json", help="write the result")
        command.add_argument("--chart", type=Path, metavar="FILE.png", help="draw the result")
    options = vars(parser.parse_args(arguments))
    try:
        own = {"machine": _machine, "claims": _claims}.get(options["command"])
        return own() if own else _experiment(**options)
    except LabError as error:
        print(error, file=sys.stderr)
        if error.detail:
            print(error.detail, file=sys.stderr)
        return 1


def _machine():
    for name, value in machine().items():
        print(f"{name:20} {value}")
    return 0


def _claims():
    from . import claims as claim_table

    found = claim_table.claims()
    try:
        found = claim_table.measured(found, _say)
    finally:
        _say("\n")
    print(found)
    return 0


def _say(text):
    """A line of progress that the next one replaces, or the end of such lines; only where somebody reads along."""
    if sys.stderr.isatty():
        print(f"\r{text:60}" if text.strip() else text, end="", file=sys.stderr, flush=True)


def _experiment(command, timeout, save, chart, **params):
    try:
        result = runner.run(
            command, params, timeout, on_progress=lambda fraction, doing, left_s: _say(f"{fraction:4.0%} {doing}")
        )
    finally:
        _say("\n")
    if save:
        print(f"saved {result.save(save)}")
    from .drawing.picture import show

    picture = show(result)
    if chart:
        try:
            chart.write_bytes(picture.png)
        except OSError as error:
            raise LabError(f"the chart could not be written to {chart}: {error.strerror}") from error
        print(f"drew {chart}")
    print(picture.sentence)
    return 0


if __name__ == "__main__":
    sys.exit(main())

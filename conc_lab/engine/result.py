"""What an experiment found: raw rows, the parameters and the machine; kept as JSON, nothing personal in it."""

import contextlib
import datetime
import json
import os
import re
import sys
import zlib
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from .errors import LabError

SCHEMA = 1
KEPT = Path("my_work/results")  # beside the notebook: what its cells and panels found
KIND = "conc_lab result"
ODD = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, StopIteration)  # what odd rows raise

# How a path from the root, a home, a drive or a server begins in the text of a task's error. With spaces in it, it ends
# where its quotes say, or else the line's last separator. /dev, /proc and /sys are nobody's.
_PATH = r"""(?: (?<![\w./]) /+ (?!(?:dev|proc|sys)/) [^/\s]+ /
              | ~ (?:[A-Za-z][\w.-]*)? /
              | \b [A-Za-z]: [\\/]
              | (?<!\\) \\\\+ \w[^\\\s]* \\ )"""
_PATHS = re.compile(rf"(?P<quote>['\"]) {_PATH} .*? (?P=quote) | {_PATH} (?:.*[/\\])? \S*\b", re.VERBOSE)


def now() -> str:
    """The time in UTC, as a result keeps it: 2026-01-31T12:00:00+00:00."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Result:
    """One run of an experiment: `rows` is a list of dicts, one observation each, with units in the names."""

    experiment: str
    params: dict
    machine: dict
    rows: list[dict] = field(repr=False)
    started: str

    @cached_property
    def frame(self):
        """The rows as a tidy pandas DataFrame: one row an observation, one column a quantity."""
        import pandas

        return pandas.DataFrame(self.rows)

    def save(self, path: str | os.PathLike) -> Path:
        """Write the result as JSON (schema version 1) and return the path; an existing file is replaced whole.

        Paths in the texts of its rows, which may name a person, are written as …
        """
        path = Path(path)
        part = path.with_name(path.name + ".part")
        content = {"kind": KIND, "schema": SCHEMA} | asdict(self)
        content["rows"] = [{name: _impersonal(value) for name, value in row.items()} for row in self.rows]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
            part.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise LabError(f"the result could not be written to {path}: {error.strerror}") from error
        return path

    def keep(self) -> Path:
        """Save the result where `claims` finds it; it replaces an earlier one with the same parameters."""
        digest = zlib.crc32(json.dumps(self.params, sort_keys=True).encode())
        return self.save(KEPT / f"{self.experiment}-{digest:08x}.json")


def _impersonal(value):
    return _PATHS.sub(r"\g<quote>…\g<quote>", value) if isinstance(value, str) else value


def load(path: str | os.PathLike) -> Result:
    """Read a result that `Result.save` wrote. Raises LabError for a file that is not one."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(f"{path.name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise LabError(f"{path.name} is not a whole result: it is truncated or not JSON ({error})") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise LabError(f"{path.name} is JSON, but not a result that conc_lab saved")
    if content.get("schema") != SCHEMA:
        raise LabError(
            f"{path.name} has schema version {content.get('schema')!r} and this conc_lab reads {SCHEMA}: "
            f"open it with the conc_lab that saved it, or measure again"
        )
    wanted = {"experiment": str, "params": dict, "machine": dict, "rows": list, "started": str}
    for name, kind in wanted.items():
        if not isinstance(content.get(name), kind):
            raise LabError(f"{path.name} is not a whole result: {name!r} is missing or of the wrong type")
    if not content["rows"]:
        raise LabError(f"{path.name} is not a whole result: it has no rows")
    if not all(isinstance(row, dict) for row in content["rows"]):
        raise LabError(f"{path.name} is not a whole result: a row is not an object")
    return Result(**{name: content[name] for name in wanted})


def recording(experiment: str, **wanted) -> Result | None:
    """The recorded result of this experiment that has what is wanted, or None.

    Of several it is the one with most CPUs, then the one of the Python version that runs here, then of the newest.
    wanted: values of parameters (task="sha256") or of facts about the machine (gil=False, usable_cpus=2,
    python="3.13", which any 3.13 meets). Recordings were made by conc_lab on the machine that each describes.
    """
    found = []
    for path in sorted((Path(__file__).parent / "recordings").glob(f"{experiment}-*.json")):
        result = load(path)
        if all(_has(result.machine | result.params, name, value) for name, value in wanted.items()):
            found.append(result)
    return max(found, key=_rank, default=None)


def _rank(recorded):
    version = tuple(map(int, recorded.machine["python"].split(".")[:2]))
    return recorded.machine["usable_cpus"], version == sys.version_info[:2], version, recorded.started


def _has(described, name, value):
    mine = described.get(name)
    return f"{mine}.".startswith(f"{value}.") if name == "python" else mine == value

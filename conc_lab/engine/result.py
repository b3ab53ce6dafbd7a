"""What an experiment found: raw rows, the parameters and the machine; kept as JSON, nothing personal in it."""

import datetime
import gzip
import json
import os
import sys
import zlib
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from pathlib import Path

from . import experiment as experiments
from . import files, pythons
from .errors import LabError

SCHEMA = 2
TYPES = {"int": {int}, "float": {float, int}, "str": {str}, "bool": {bool}, "list": {list}}  # of columns
KEPT = Path("my_work/results")  # next to the notebook: what its cells and panels found
KIND = "conc_lab result"
PACKAGE = Path(__file__).parent.parent
RECORDINGS = PACKAGE / "recordings"
ODD = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)  # what rows raise that are not whole
UNREADABLE = (OSError, EOFError, zlib.error, RecursionError, *ODD)  # what reading a file raises that is not ours


def now() -> str:
    """The time in UTC, as a result keeps it: 2026-01-31T12:00:00+00:00."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Result:
    """One run of an experiment: `rows` is a list of dicts, one observation each, with units in the names.

    processes: the start method that "processes" stood for among the kinds asked for, None where it was not.
    """

    experiment: str
    params: dict
    machine: dict
    rows: list = field(repr=False)
    started: str
    processes: str | None = None

    __hash__ = object.__hash__  # for `once`: parameters and rows have no hash

    @cached_property
    def frame(self):
        """The rows as a tidy pandas DataFrame: one row an observation, one column a quantity."""
        import pandas

        return pandas.DataFrame(self.rows)

    @cached_property
    def shown(self):
        """The frame as charts show it: the kind is "processes" where it was asked for under this name."""
        return self.frame.replace({"kind": {self.processes: "processes"}}) if self.processes else self.frame

    def save(self, path: str | os.PathLike) -> Path:
        """Write the result as JSON, one row a line, gzipped where the name ends in .gz; return the path."""
        head = {"kind": KIND, "schema": SCHEMA} | {item.name: getattr(self, item.name) for item in fields(self)}
        rows = ",\n".join(json.dumps(row, allow_nan=False) for row in head.pop("rows"))
        text = f'{json.dumps(head, indent=1)[:-2]},\n "rows": [\n{rows}\n]\n}}\n'
        data = gzip.compress(text.encode(), mtime=0) if str(path).endswith(".gz") else text
        return files.write(path, data, "the result")

    def keep(self) -> Path:
        """Save the result in `home`; it replaces an earlier one with the same parameters."""
        digest = zlib.crc32(json.dumps(self.params, sort_keys=True).encode())
        return self.save(self.home / f"{self.experiment}-{digest:08x}.json")

    @property
    def home(self) -> Path:
        """The folder where `claims` finds what this Python measured, or one for each other Python."""
        python = pythons.name(self.machine)
        return KEPT if python == pythons.name(pythons.facts()) else KEPT / f"python {python}"


once = lru_cache(maxsize=16)  # makes a function of a result compute once for each result


def load(path: str | os.PathLike) -> Result:
    """Read a result that `Result.save` wrote. Raises LabError, which names the file, for one that is not whole."""
    try:
        path = Path(path)
        content = read(path, KIND, (1, SCHEMA))
        content = renamed(content) if content["schema"] == 1 else content
        result = Result(**{item.name: content.get(item.name, ...) for item in fields(Result)})
        _check(result)
    except (*UNREADABLE, LabError) as error:
        raise LabError(f"{getattr(path, 'name', path)!s:.100} is not a complete result: {error}") from error
    return result


def read(path: Path, kind: str, schemas: tuple) -> dict:
    """What one of our JSON files has, of this kind and one of these schemas; raises one of UNREADABLE for another."""
    if not path.is_file():
        raise ValueError("it is not a file")
    data = path.read_bytes()
    content = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    if not isinstance(content, dict) or content.get("kind") != kind:
        raise ValueError("conc_lab did not save it")
    if (schema := content.get("schema")) not in schemas:
        raise ValueError(f"it has schema version {schema!r}, so open it with the conc_lab that saved it")
    return content


def _check(result):
    """Raise an error that says what the result lacks, or has of a wrong type, by what its experiment declares.

    A result of an earlier conc_lab gets the parameters and columns of today: others go, and a column that lacks is None
    where it may be.
    """
    for item in fields(Result):
        if not isinstance(getattr(result, item.name), item.type):
            raise ValueError(f"{item.name!r} is missing or of the wrong type")
    if [type(result.machine.get(name)) for name in ("usable_cpus", "system", "python", "gil")] != [int, str, str, bool]:
        raise ValueError("some facts about the machine are missing or of the wrong type")
    if not result.rows:
        raise ValueError("it has no rows")
    known = experiments.function(result.experiment).__annotations__.keys() - {"return"}
    if missing := known - result.params.keys():
        raise ValueError(f"these parameters are missing: {', '.join(sorted(missing))}")
    for name in result.params.keys() - known:
        del result.params[name]
    columns = experiments.columns(result.experiment)
    allowed = {name: {*TYPES[kind.rstrip("?")], *[type(None)] * kind.endswith("?")} for name, kind in columns.items()}
    for number, row in enumerate(result.rows):
        result.rows[number] = {name: row.get(name) if isinstance(row, dict) else row for name in columns}
        for name, value in result.rows[number].items():
            if type(value) not in allowed[name]:
                raise ValueError(f"{name} in row {number} is {value!r:.40}, not {columns[name]}")


def renamed(content: dict) -> dict:
    """A result of schema 1 in the names of schema 2, by schema_1.json.

    It says for each experiment (or question of "switching") its name of today, what parameters and columns came from,
    {new name: [old name, {old value: new value}]}, where other values stay, and what there is more of them.
    """
    given, table = content["params"], (PACKAGE / "schema_1.json").read_text(encoding="utf-8")
    for sign, name in (("$processes", "start_method"), ("$workers", "workers")):
        table = table.replace(f'"{sign}"', json.dumps(given.get(name)))
    rules = json.loads(table)[given.get("question", content["experiment"])]
    params, rows = given | rules["more_params"], [row | rules["more_columns"] for row in content["rows"]]
    changes = {new: (given[old], values) for new, (old, values) in rules["params"].items() if old in given}
    params |= {new: [values.get(value, value) for value in old] for new, (old, values) in changes.items()}
    params = {name: list(dict.fromkeys(one)) if isinstance(one, list) else one for name, one in params.items()}
    for row in rows:
        row |= {new: values.get(row[old], row[old]) for new, (old, values) in rules["columns"].items() if old in row}
    processes = given.get("start_method") if "kinds" in params else None
    return content | {"experiment": rules["experiment"], "params": params, "rows": rows, "processes": processes}


def recording(experiment: str, task=None, case=None, python=None, gil=None) -> Result | None:
    """The recorded result of this experiment that has what is wanted, or None.

    Of several it is the one with most CPUs, then the one of the Python version that runs here, then of the newest.
    case, python: as in the files' names, where a task is a case; gil: whether it was on. Recordings were made by
    conc_lab on the machine that each describes.
    """
    found = []
    for path in RECORDINGS.glob(f"{experiment}-{task or case or '*'}-{python or '*'}-*cpu.json.gz"):
        build, cpus = path.name.removesuffix("cpu.json.gz").split("-")[2:]
        version, its_gil = tuple(map(int, build.rstrip("t").split("."))), not build.endswith("t")
        if gil in (None, its_gil):
            found.append((int(cpus), version == sys.version_info[:2], version, its_gil, path))
    return load(max(found)[-1]) if found else None

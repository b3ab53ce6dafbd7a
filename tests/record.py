"""Record again what lies in conc_lab/recordings: `.venv/bin/python tests/record.py [EXPERIMENT …]`.

Run it on a machine that has nothing else to do, with each Python that is to be recorded. RECORDED says which
cases an experiment has, by default one with the profile's parameters. A file's name says the experiment, its case, the
Python and the usable CPUs; figures have six digits.
"""

import argparse
import json
import os
import sys

from conc_lab.engine import experiment, kinds, result, run
from conc_lab.engine.errors import LabError

COMPUTING = ("sha256", "zlib", "matmul", "read_file", "stream", "mixed")
ISOLATED = {"kinds": ["threads", "processes", *kinds.here(("interpreters",))]}
RECORDED = {
    "advise": {"count_primes": {"task": "count_primes", "items": 10_000}},
    "faults": {"table": {}},
    "interval": {"all": {"workers": [4]}},
    "memory": {
        "none": {"workers": [1, 2, 4]},
        "ints": {"workers": [1, 2], "kinds": ["fork"], "parent_data": "ints", "touch": ["untouched", "read"]},
    },
    "scaling": {"count_primes": {}, "sleep": {"task": "sleep", "workers": [2, 8], "kinds": ["threads"]}},
    "sharing": {"table": {"kinds": list(kinds.here(("threads", "spawn", "fork", "forkserver", "interpreters")))}},
    "speedup": {
        "count_primes": ISOLATED | {"workers": [1, 2, 4], "rounds": 9, "task_ms": 30},
        **{task: {"task": task, "workers": [1, 2, 4], "rounds": 9, "task_ms": 30} for task in COMPUTING},
        "sleep": {"task": "sleep", "workers": [4, 16, 60], "kinds": ["threads", "processes", "asyncio"], "task_ms": 5},
    },
    "startup": {"nothing": {}},
    "transfer": {"all": ISOLATED},
    "timeline": {"three": {"rounds": 3, "window_ms": 60}},
}


def cases(name: str) -> dict[str, dict]:
    """{case: its parameters} of an experiment; what is not named is the default of the profile."""
    return RECORDED.get(name, {"all": {}})


def main(arguments: list[str] | None = None) -> None:
    """Record every case of the experiments named, of all where none is; a case that this Python lacks is said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="*", choices=[*experiment.names(), []], metavar="EXPERIMENT")
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="only these cases")
    parser.add_argument("--profile", default="class", choices=("class", "careful"))
    options = parser.parse_args(arguments)
    os.environ["CONC_LAB_PROFILE"] = options.profile
    for name in options.experiments or experiment.names():
        for case, params in cases(name).items():
            if not options.cases or case in options.cases:
                try:
                    print(_recorded(name, case, params), flush=True)
                except LabError as error:
                    print(f"{name} {case}: {error}", file=sys.stderr)


def _recorded(name, case, params):
    found = run.run(name, params)
    found.rows[:] = json.loads(json.dumps(found.rows), parse_float=lambda digits: float(f"{float(digits):.6g}"))
    facts = found.machine
    python = ".".join(facts["python"].split(".")[:2]) + "t" * facts["free_threaded"]
    return found.save(result.RECORDINGS / f"{name}-{case}-{python}-{facts['usable_cpus']}cpu.json.gz").name


if __name__ == "__main__":
    main()

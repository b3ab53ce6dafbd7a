"""Record again what lies beside this file: `python -m conc_lab.recordings [EXPERIMENT …]`.

Run it on a machine that has nothing else to do, with each Python that is to be recorded; `recording` finds the files
by what is in them. Their names say the experiment, its case, the Python and the usable CPUs.
"""

import argparse
import os
import sys
from pathlib import Path

from ..engine import pools as executors, run as runner
from ..engine.errors import LabError
from ..experiments.sharing import measure as sharing

CASES = {  # experiment: {case: its parameters}; what is not named is the default of the profile
    "speedup": {
        task: {"task": task, "workers": [1, 2, 4], "rounds": 9, "task_ms": 30}
        for task in ("count_primes", "sha256", "zlib", "matmul", "read_file", "mixed")
    }
    | {"sleep": {"task": "sleep", "workers": [4, 16, 60], "task_ms": 5, "kinds": ["threads", "processes", "asyncio"]}},
    "faults": {"table": {}},
    "timeline": {"three": {"rounds": 3, "window_ms": 60}},
    "sharing": {"table": {"kinds": [kind for kind, how in sharing.KINDS.items() if not executors.unavailable(*how)]}},
    "startup": {"nothing": {}},
    "memory": {
        "none": {"workers": [1, 2, 4]},
        "ints": {"workers": [1, 2], "kinds": ["fork"], "parent_data": "ints", "touch": ["untouched", "read"]},
    },
    "switching": {question: {"question": question} for question in ("hand-over", "switches", "echo")}
    | {"interval": {"question": "interval", "workers": 4}},
    "transfer": {"all": {}},
    "races": {"all": {}},
    "advise": {"count_primes": {"task": "count_primes", "items": 10_000}},
}


def main(arguments: list[str] | None = None) -> None:
    """Record every case of the experiments named, of all where none is; a case that this Python lacks is said."""
    parser = argparse.ArgumentParser(prog="python -m conc_lab.recordings", description=__doc__)
    parser.add_argument("experiments", nargs="*", choices=[*CASES, []], metavar="EXPERIMENT")
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="only these cases")
    parser.add_argument("--profile", default="class", choices=("class", "careful"))
    options = parser.parse_args(arguments)
    os.environ["CONC_LAB_PROFILE"] = options.profile
    for experiment in options.experiments or CASES:
        for case, params in CASES[experiment].items():
            if options.cases and case not in options.cases:
                continue
            try:
                result = runner.run(experiment, params)
            except LabError as error:
                print(f"{experiment} {case}: {error}", file=sys.stderr)
                continue
            facts = result.machine
            python = ".".join(facts["python"].split(".")[:2]) + ("t" if facts["free_threaded"] else "")
            name = f"{experiment}-{case}-{python}-{facts['usable_cpus']}cpu.json"
            print(result.save(Path(__file__).with_name(name)).name, flush=True)


if __name__ == "__main__":
    main()

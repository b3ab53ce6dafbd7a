"""How far the model is from every speedup that was recorded: `.venv/bin/python tests/benchmark_model.py [FOLDER]`.

A line for each kind of worker: points, the median and the worst of modelled / measured - 1, and how many are refused;
then the same, where what computing costs is not that of the point, but that of the nearest other number of workers.
FOLDER: of results, in place of the recordings; each of them gets a line, too.
"""

import sys
from pathlib import Path
from statistics import median

from conc_lab.engine.result import RECORDINGS, load
from conc_lab.modelling import fit


def main() -> None:
    """Print the errors by kind of worker, and of all."""
    paths, errors = sorted(Path(*sys.argv[1:]).glob("*.json") if sys.argv[1:] else RECORDINGS.glob("speedup-*.gz")), {}
    for path in paths:
        result = load(path)
        known, kinds = fit.fitted(result), {kind for kind, _ in fit.points(result)}
        refused = {kind for kind in kinds if fit.predicted(result, kind, 1, 1).refused}
        for (kind, workers), (measured, modelled) in fit.points(result).items():
            others = known._replace(costs={at: cost for at, cost in known.costs.items() if at != (kind, workers)})
            tasks = fit._measured(result).tasks[kind, workers]
            guessed = (
                others.run(kind, workers, fit.usable(result), tasks).speedup
                if any(at[0] == kind for at in others.costs)
                else None
            )
            found = modelled / measured - 1, f"{path.stem}, {workers} {kind}", kind in refused, guessed
            for name in (kind, "all", *[path.stem] * (len(sys.argv) > 1)):
                errors.setdefault(name, []).append((*found[:3], guessed and guessed / measured - 1))
    for name, found in errors.items():
        print(f"{name}: {_said([each[:3] for each in found])}")
        print(f"    by other costs: {_said([(each[3], *each[1:3]) for each in found if each[3] is not None])}")


def _said(found):
    kept = [each for each in found if not each[2]]
    if not kept:
        return f"{len(found)} points, all refused"
    worst, where, _ = max(kept, key=lambda each: abs(each[0]))
    off = median(abs(error) for error, *_ in kept)
    return (
        f"{len(found)} points, {len(found) - len(kept)} refused; others: median {off:.1%}, worst {worst:+.1%} ({where})"
    )


if __name__ == "__main__":
    main()

"""How far the model is from every speedup that was recorded: `.venv/bin/python tests/benchmark_model.py`.

A line for each kind of worker: points, the median and the worst of modelled / measured - 1, and how many are refused.
"""

from statistics import median

from conc_lab.engine.result import RECORDINGS, load
from conc_lab.modelling import fit


def main() -> None:
    """Print the errors by kind of worker, and of all."""
    errors = {}
    for path in sorted(RECORDINGS.glob("speedup-*.gz")):
        for (kind, workers), (measured, modelled) in fit.points(load(path)).items():
            for name in (kind, "all"):
                errors.setdefault(name, []).append((modelled / measured - 1, f"{path.name[8:-8]}, {workers} workers"))
    for kind, found in errors.items():
        worst, where = max(found, key=lambda each: abs(each[0]))
        off = [abs(error) for error, _ in found]
        above = sum(error > fit.WORST for error in off)
        said = f"median {median(off):.1%}, worst {worst:+.1%} ({where}), {above} off by more than {fit.WORST:.0%}"
        print(f"{kind}: {len(off)} points, {said}")


if __name__ == "__main__":
    main()

"""Laws of scaling: how the speedup S grows with the number of workers k, and what measured speedups say of that.

Figures are fitted to no more workers than there are CPUs: beyond, the CPUs are the limit, and a law would call that
contention. Sources: Amdahl, https://doi.org/10.1145/1465482.1465560 (1967); Gustafson,
https://doi.org/10.1145/42411.42415 (1988); Karp and Flatt, https://doi.org/10.1145/78607.78614 (1990); Gunther's
Universal Scalability Law, https://arxiv.org/abs/0808.1431 (2008).
"""

from collections import namedtuple

from ..engine.errors import LabError

FEWEST = 5  # different numbers of workers that a fit of two figures takes


def amdahl(workers, serial):
    """S = 1 / (s + (1 - s) / k): the same job on more workers, where the share s of it is for one worker alone."""
    return 1 / (serial + (1 - serial) / workers)


def gustafson(workers, serial):
    """S = s + (1 - s) k: a job that grows with the workers; for the share s of their time, one of them works alone."""
    return serial + (1 - serial) * workers


def universal(workers, contention, coherency):
    """S = k / (1 + σ (k - 1) + κ k (k - 1)): σ for waiting in line, κ for what each pair of workers has to agree on.

    With κ = 0 it is Amdahl's law with the serial share σ.
    """
    return workers / (1 + contention * (workers - 1) + coherency * workers * (workers - 1))


def karp_flatt(workers, speedup):
    """(1 / S - 1 / k) / (1 - 1 / k): the serial share with which Amdahl's law gives this speedup, for k > 1."""
    return (1 / speedup - 1 / workers) / (1 - 1 / workers)


# σ and κ of the Universal Scalability Law; the ranges, (low, high), hold both of them with 95 % confidence.
Fit = namedtuple("Fit", "contention coherency contention_range coherency_range")


def fitted(speedups: dict[int, float], cpus: float) -> Fit:
    """The law that comes closest to {workers: speedup}, of which those with at most so many workers as CPUs count.

    k / S - 1 is linear in σ and κ. Least squares, for noise that is a share of S, with neither below zero; the ranges
    are the box around the joint region of both (Scheffé's method), cut off at zero. Raises LabError where too few
    points count, or where they follow another law.
    """
    import numpy

    known = {workers: speed for workers, speed in speedups.items() if workers <= cpus}
    if len(known) < FEWEST:
        why = (
            f"that takes at least {FEWEST} different numbers of workers, a CPU for each, and this run has {len(known)}"
        )
        raise LabError(f"no law can be fitted, because {why}")
    workers, speeds = numpy.array([*known], float), numpy.array([*known.values()], float)
    weights = speeds / workers
    terms, wanted = (numpy.array([workers - 1, workers * (workers - 1)]) * weights).T, 1 - weights
    free = numpy.linalg.lstsq(terms, wanted)[0]
    alone = numpy.diag((terms.T @ wanted / (terms**2).sum(axis=0)).clip(0))  # where the other one is zero
    best = free if free.min() >= 0 else min(alone, key=lambda values: ((terms @ values - wanted) ** 2).sum())
    more = len(known) - 2
    variance = ((terms @ free - wanted) ** 2).sum() / more
    if ((terms @ best - wanted) ** 2).mean() > 0.15**2:  # on average further off the curve than noise
        raise LabError("this law can't be fitted, because these speedups don't follow it")
    twice_f = more * (0.05 ** (-2 / more) - 1)  # F's quantile for two figures has this closed form
    half = numpy.sqrt(twice_f * variance * numpy.diag(numpy.linalg.inv(terms.T @ terms)))
    low, high = numpy.minimum(free - half, best).clip(0), numpy.maximum(free + half, best)
    return Fit(*map(float, best), *((float(least), float(most)) for least, most in zip(low, high, strict=True)))

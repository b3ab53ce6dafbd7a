"""`lab.laws`: speedups of several numbers of workers next to the laws of scaling, as far as they tell of one."""

import numpy

from ..drawing import kit, picture, words
from ..engine.errors import LabError
from ..engine.result import Result
from ..engine.stats import at_once
from ..experiments.speedup.chart import summary
from ..modelling.laws import fitted, karp_flatt, universal


def laws(result: Result) -> picture.Picture:
    """Draw the speedups of what `lab.speedup` returned, with the Universal Scalability Law fitted to each kind.

    Only workers that the usable CPUs let work at the same time count. Where they are too few for a fit, the words say
    so, and what the most of them tell. Raises LabError for the result of another experiment.
    """
    if getattr(result, "experiment", None) != "speedup":
        raise LabError("lab.laws draws what lab.speedup(…) returned, or a recording of it")
    return picture.drawn(_drawn, result, summary(result), at_once(result))


def _drawn(result, lines, limit):
    """The figure, its alt text and the sentence of these lines, of which those with more workers do not count."""
    known, said = {}, []
    for kind, rows in lines[lines.workers <= limit].groupby("kind", sort=False):
        try:
            known[kind] = fitted(dict(zip(rows.workers, rows.speedup, strict=True)), limit)
            said.append(f"{kind}: {_law(known[kind])}")
        except LabError as refused:
            said.append(f"{kind}: {_few(rows, refused)}")
    shares = [f"{_percent(law.contention)} for {kind}" for kind, law in known.items()]
    title = f"the law's serial share is {words.listed(shares)}" if shares else "no law can be fitted"
    ax = kit.figure(4, f"{result.params['task']}: {title}").add_subplot(ylabel="speedup (serial = 1)")
    many = numpy.linspace(1, max([2, *lines.workers]), 200)
    ax.plot(many, numpy.minimum(many, limit), **kit.REFERENCE, label="ideal")
    for kind, rows in lines.groupby("kind", sort=False):
        look, counts, label = kit.LOOKS[kind], rows.workers <= limit, words.label(kind, result)
        ax.plot(rows.workers[counts], rows.speedup[counts], **look, **kit.STRONG, linestyle="", label=label)
        ax.plot(rows.workers[~counts], rows.speedup[~counts], **look, linestyle="", fillstyle="none", markersize=8)
        if kind in known:
            upto = many[many <= rows.workers[counts].max()]
            ax.plot(upto, universal(upto, *known[kind][:2]), color=look["color"], linewidth=1.5)
    ax.set(
        ylim=(0, None),
        xlim=(0, None),
        xlabel="workers" + " (hollow: more workers than CPUs)" * any(lines.workers > limit),
    )
    ax.grid(True, axis="y")
    ax.legend(ncols=3, **kit.LEGEND)
    each = [f"{words.name(row.kind, row.workers)} {words.times(row.speedup)}" for row in lines.itertuples()]
    told = words.sentence(*said or ["every measurement here had more workers than CPUs"])
    return ax.figure, f"Speedup by number of workers, of {result.params['task']}: {', '.join(each)}. {told}", told


def _percent(share):
    """A share in words; noise can make it less than nothing or more than all."""
    return f"{words.digits(100 * min(1, max(0, share)))}%"


def _law(law):
    """A fitted law in words."""
    (low, high), (least, most) = (map(_percent, ends) for ends in (law.contention_range, law.coherency_range))
    serial = f"as if {_percent(law.contention)} of the work were serial (likely {low} to {high})"
    pairs = f"each pair of workers lost {_percent(law.coherency)} (likely {least} to {most})"
    best = law.coherency_range[0] and (max(0, 1 - law.contention) / law.coherency) ** 0.5
    return f"{serial} and {pairs}{f'. Then {best:.0f} workers would be fastest' if best > 1.5 else ''}"


def _few(rows, refused):
    """Why no law is fitted, and what the most workers that count tell."""
    most = rows.iloc[-1]
    if most.workers < 2:
        return f"{refused}"
    said = f"{refused}. {words.name(most.kind, most.workers)} were {words.times(most.speedup)} as fast as serial"
    if most.doubt:
        return f"{said}. That says little about a serial part: {most.doubt}"
    return f"{said}, as if {_percent(karp_flatt(most.workers, most.speedup))} of the work were serial"

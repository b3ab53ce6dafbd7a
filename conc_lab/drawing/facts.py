"""The facts about this machine as they show themselves in a cell: a few tiles, and all of them in a folded table."""

from html import escape

from ..engine import machine as facts
from ..engine import pythons
from .shell.style import STYLE, folded
from .words import TEXTS

ALONE = "<p>With one usable CPU, no kind of worker computes faster than a plain loop.</p>"


class Tiles(dict):
    """Facts that show themselves."""

    def in_words(self) -> dict:
        """The facts for people: memory in GiB too, where a quota that is None was looked for, and the Pythons found."""
        memory = f"{self['memory_free_bytes']:,} ({self['memory_free_bytes'] / 2**30:.1f} GiB)"
        quota = self["cpu_quota"] or "none found (in Linux control groups or CPU_LIMIT)"
        return self | {"memory_free_bytes": memory, "cpu_quota": quota, "pythons": ", ".join(pythons.found())}

    def _repr_html_(self):
        quota = f", a quota of {self['cpu_quota']:g}" if self["cpu_quota"] else ""
        cpus = f"{self['usable_cpus']} usable CPU{'s' * (self['usable_cpus'] != 1)}"
        tiles = {
            cpus: f"of {self['logical_cpus'] or '?'} logical CPUs{quota}",
            f"{self['memory_free_bytes'] / 2**30:.1f} GiB": "of free memory",
            f"Python {self['python']}": f"GIL {'on' if self['gil'] else 'off'}",
            self["system"]: f"processes start with {self['start_methods'][0]}",
        }
        items = "".join(f"<li><b>{escape(fact)}</b><br>{escape(more)}</li>" for fact, more in tiles.items())
        row = '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>'.format
        rows = "".join(row(name, escape(str(value)), TEXTS["facts"][name]) for name, value in self.in_words().items())
        below = ALONE * (self["usable_cpus"] == 1) + folded("All facts", f"<table>{rows}</table>")
        return f'{STYLE}<div class="conc-lab"><ul class="conc-lab-tiles">{items}</ul>{below}</div>'


def machine() -> Tiles:
    """The facts about this machine (see `conc_lab.engine.machine.machine`)."""
    return Tiles(facts.machine())

"""What to expect of a lesson's figures here, and what on other machines and Pythons.

The texts are in lessons/NN_name.json under "elsewhere": a list of places, each with a name ("where"), what makes a
machine such a place ("when", words of `words_of`; every machine where the list is empty) and what is to be expected
there.
"""

import html
import re

from ..engine.errors import LabError
from ..engine.machine import machine
from .bets import Words, lessons


def words_of(facts: dict) -> set[str]:
    """What `when` may name, where a machine with these facts is such a place.

    One of "one CPU" and "several CPUs"; "Linux", "macOS" or "Windows"; one of "by fork", "by forkserver" and
    "by spawn", by the default start method; and of "CPU limit", "Binder", "no GIL" and "Python 3.14" those that hold.
    """
    start_method, python = facts["start_methods"][0], tuple(map(int, facts["python"].split(".")[:2]))
    holds = {"CPU limit": facts["cpu_quota"], "Binder": facts["binder"], "no GIL": not facts["gil"]}
    holds |= {"Python 3.14": python >= (3, 14), "one CPU": facts["usable_cpus"] == 1}
    holds |= {"several CPUs": not holds["one CPU"], facts["system"]: True, f"by {start_method}": True}
    return {word for word, here in holds.items() if here}


def expect(lesson: str, facts: dict | None = None) -> Words:
    """The box "what to expect" of the lesson, such as "02_cpu_bound": what concerns this machine first, and marked.

    facts: those of another machine than this, as `machine` gives them. Raises LabError for an unknown lesson.
    """
    if lesson not in lessons():
        raise LabError(f"unknown lesson {lesson!r}; one of: {', '.join(lessons())}")
    facts = facts or machine()
    here, others = [], []
    for place in lessons()[lesson]["elsewhere"]:
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(place["text"], quote=False))
        meant = not place["when"] or words_of(facts) & set(place["when"])
        (here if meant else others).append(f"<li><b>{html.escape(place['where'])}</b>: {text}</li>")
    cpus = f"{facts['usable_cpus']} usable CPU{'s' * (facts['usable_cpus'] != 1)}"
    cpus += f" (a limit of {facts['cpu_quota']:g})" if facts["cpu_quota"] else ""
    python = f"Python {facts['python']} {'with' if facts['gil'] else 'without'} the GIL"
    this = html.escape(f"{cpus}, {facts['system']}, {python}, processes by {facts['start_methods'][0]}")
    first = f"<ul style=\"list-style-type: '▸ '\">{''.join(here)}</ul>" if here else ""
    rest = f"<p><b>Elsewhere</b></p><ul>{''.join(others)}</ul>" if others else ""
    return Words(f"<p><b>What to expect here</b>: {this}.</p>{first}{rest}")

"""What to expect of a lesson's figures here, and what on other machines and Pythons.

The texts are in lessons/NN_name.json under "elsewhere": a list of places, each with a name ("where"), what makes a
machine such a place ("when", words of `WORDS`; every machine where the list is empty) and what is to be expected there.
"""

import html
import re

from ..engine.errors import LabError
from ..engine.machine import machine
from .bets import Words, lessons

WORDS = {  # what `when` may name -> whether a machine with these facts is meant
    "one CPU": lambda facts: facts["usable_cpus"] == 1,
    "several CPUs": lambda facts: facts["usable_cpus"] > 1,
    "CPU limit": lambda facts: bool(facts["cpu_quota"]),
    "Binder": lambda facts: facts["binder"],
    "Linux": lambda facts: facts["system"] == "Linux",
    "macOS": lambda facts: facts["system"] == "macOS",
    "Windows": lambda facts: facts["system"] == "Windows",
    "no GIL": lambda facts: not facts["gil"],
    "Python 3.14": lambda facts: tuple(map(int, facts["python"].split(".")[:2])) >= (3, 14),
    "by fork": lambda facts: facts["start_methods"][0] == "fork",
    "by forkserver": lambda facts: facts["start_methods"][0] == "forkserver",
    "by spawn": lambda facts: facts["start_methods"][0] == "spawn",
}


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
        meant = not place["when"] or any(WORDS[word](facts) for word in place["when"])
        (here if meant else others).append(f"<li><b>{html.escape(place['where'])}</b>: {text}</li>")
    limit = f" (a limit of {facts['cpu_quota']:g})" if facts["cpu_quota"] else ""
    facts_here = (
        f"{facts['usable_cpus']} usable CPU{'s' * (facts['usable_cpus'] != 1)}{limit}, {facts['system']}, "
        f"Python {facts['python']} {'with' if facts['gil'] else 'without'} the GIL, "
        f"processes by {facts['start_methods'][0]}"
    )
    first = f"<ul style=\"list-style-type: '▸ '\">{''.join(here)}</ul>" if here else ""
    rest = f"<p><b>Elsewhere</b></p><ul>{''.join(others)}</ul>" if others else ""
    return Words(f"<p><b>What to expect here</b>: {html.escape(facts_here)}.</p>{first}{rest}")

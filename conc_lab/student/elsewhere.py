"""What to expect of a lesson's figures here, and what on other machines and Pythons.

The texts are in elsewhere/, a file for each lesson: a list of places, each with a name ("where"), what makes a machine
such a place ("when", words of `WORDS`; every machine where the list is empty) and what is to be expected there.
"""

import html
import json
import re
from pathlib import Path

from ..engine.errors import LabError
from .bets import Words
from ..engine.machine import machine

FOLDER = Path(__file__).parent / "elsewhere"
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
    names = sorted(path.stem for path in FOLDER.glob("*.json"))
    if lesson not in names:
        raise LabError(f"unknown lesson {lesson!r}; one of: {', '.join(names)}")
    places = json.loads((FOLDER / f"{lesson}.json").read_text(encoding="utf-8"))
    facts = facts or machine()
    here = [is_meant(place, facts) for place in places]
    cpus = f"{facts['usable_cpus']} usable CPU{'' if facts['usable_cpus'] == 1 else 's'}"
    limit = f" (a limit of {facts['cpu_quota']:g})" if facts["cpu_quota"] else ""
    said = (
        f"{cpus}{limit}, {facts['system']}, Python {facts['python']} {'with' if facts['gil'] else 'without'} the GIL, "
        f"processes by {facts['start_methods'][0]}"
    )
    lines = [_line(place) for place, is_here in zip(places, here, strict=True) if is_here]
    others = [_line(place) for place, is_here in zip(places, here, strict=True) if not is_here]
    mine = f"<ul style=\"list-style-type: '▸ '\">{''.join(lines)}</ul>" if lines else ""
    rest = f"<p><b>Elsewhere</b></p><ul>{''.join(others)}</ul>" if others else ""
    return Words(f"<p><b>What to expect here</b>: {html.escape(said)}.</p>{mine}{rest}")


def is_meant(place: dict, facts: dict) -> bool:
    """Whether a machine with these facts is such a place: any of its words is true of it, or it has none."""
    return not place["when"] or any(WORDS[word](facts) for word in place["when"])


def _line(place):
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(place["text"], quote=False))
    return f"<li><b>{html.escape(place['where'])}</b>: {text}</li>"

"""What to expect of a lesson's figures here, and what on other machines and Pythons.

The texts are in lessons/NN_name.json under "elsewhere": a list of places, each with a name ("where"), what makes a
machine such a place ("when", words of `words_of`; every machine where the list is empty) and what is to be expected
there.
"""

import html

from ..drawing import words
from ..drawing.shell.style import marked_up
from ..engine import parameters
from ..engine.machine import machine
from .bets import Words, lessons


def words_of(facts: dict) -> set[str]:
    """What `when` may name, where a machine with these facts is such a place.

    One of "one CPU" and "several CPUs"; "Linux", "macOS" or "Windows"; one of "by fork", "by forkserver" and
    "by spawn", by the default start method; and of "CPU limit", "Binder", "no GIL" and "Python 3.14" those that hold.
    """
    cpus = "one CPU" if facts["usable_cpus"] == 1 else "several CPUs"
    holds = {"CPU limit": facts["cpu_quota"], "Binder": facts["binder"], "no GIL": not facts["gil"]}
    holds["Python 3.14"] = tuple(map(int, facts["python"].split(".")[:2])) >= (3, 14)
    return {cpus, facts["system"], f"by {facts['start_methods'][0]}", *(word for word in holds if holds[word])}


def expect(lesson: str, facts: dict | None = None) -> Words:
    """The box "what to expect" of the lesson, such as "02_cpu_bound": what concerns this machine first, and marked.

    facts: those of another machine than this, as `machine` gives them.
    """
    facts, lesson = facts or machine(), parameters.OneOf(lessons, "").check("lesson", lesson)
    items = {"▸": "", "•": ""}  # those of this machine, and the others
    for place in lessons()[lesson]["elsewhere"]:
        mark = "▸" if not place["when"] or words_of(facts) & set(place["when"]) else "•"
        items[mark] += f"<li><b>{html.escape(place['where'])}</b>: {marked_up(place['text'])}</li>"
    here, others = (f"<ul style=\"list-style-type: '{mark} '\">{text}</ul>" for mark, text in items.items())
    cpus, start_method = words.count(facts["usable_cpus"], "usable CPU"), facts["start_methods"][0]
    this = f"{cpus}, {facts['system']}, Python {words.python(facts)}, processes start with {start_method}"
    return Words(f"<p><b>What to expect here</b>: {this}.</p>{here}<p><b>Elsewhere</b></p>{others}")

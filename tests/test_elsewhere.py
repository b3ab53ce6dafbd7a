"""The box that says what to expect: what concerns this machine is told from what does not."""

import re
from pathlib import Path

import pytest
from made.results import MACHINE

from conc_lab.engine.errors import LabError
from conc_lab.student import elsewhere
from conc_lab.student.bets import lessons
from conc_lab.student.elsewhere import expect, words_of

SYSTEMS, START_METHODS = ("Linux", "macOS", "Windows"), ("by fork", "by forkserver", "by spawn")
WORDS = {"one CPU", "several CPUs", *SYSTEMS, *START_METHODS, "CPU limit", "Binder", "no GIL", "Python 3.14"}
NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_every_lesson_has_its_box():
    """Every lesson shows the box of its own name, and there is no other, which is said."""
    for path in NOTEBOOKS:
        assert f'lab.expect(\\"{path.stem}\\")' in path.read_text(encoding="utf-8"), path.name
    assert lessons().keys() == {path.stem for path in NOTEBOOKS} != set()
    for lesson in ("02_cpu", None, ["02_cpu_bound"]):
        with pytest.raises(LabError, match=rf"^unknown lesson {re.escape(repr(lesson))}; one of: 00_your_lab, 01_"):
            expect(lesson)


def test_texts():
    """A lesson has several places, each with a name, known words and a text; one CPU and other systems are named."""
    for lesson, texts in lessons().items():
        places = texts["elsewhere"]
        assert len(places) >= 2, lesson
        for place in places:
            assert place.keys() == {"where", "when", "text"} and set(place["when"]) <= WORDS, (lesson, place)
            assert place["where"] and place["text"].endswith("."), (lesson, place)
            assert place["text"].count("`") % 2 == 0, (lesson, place)
        for facts in ({"usable_cpus": 1}, {"system": "Windows"}, {"system": "macOS"}):
            words = words_of(MACHINE | facts)
            assert any(not place["when"] or words & set(place["when"]) for place in places), (lesson, facts)
            assert any(place["when"] and not words & set(place["when"]) for place in places), (lesson, facts)


def test_words_of_a_machine():
    """Each word is true of a machine that has it, and of no other."""
    plain = MACHINE | {"python": "3.11.7", "start_methods": ["fork", "spawn"]}
    assert words_of(plain) == {"several CPUs", "Linux", "by fork"}
    other = MACHINE | {"usable_cpus": 1, "cpu_quota": 0.5, "binder": True, "system": "macOS", "gil": False}
    other |= {"python": "3.14.0", "start_methods": ["spawn", "fork"]}
    expected = {"one CPU", "CPU limit", "Binder", "macOS", "no GIL", "Python 3.14", "by spawn"}
    assert words_of(other) == expected


def test_what_is_here_comes_first():
    """What concerns the machine stands first and is marked; its facts are said; the rest stands under Elsewhere."""
    text = expect("02_cpu_bound", MACHINE | {"usable_cpus": 1, "cpu_quota": 1.0, "python": "3.14.0"})
    here, elsewhere = text.split("Elsewhere")
    assert "one usable CPU, Linux, Python 3.14.0, processes start with forkserver." in here
    assert "▸" in here and "<b>One usable CPU</b>" in here and "<b>A limit on CPU time" in here
    assert "▸" not in elsewhere
    assert "<b>macOS and Windows</b>" in elsewhere and "<b>A free-threaded Python</b>" in elsewhere
    without = expect("02_cpu_bound", MACHINE | {"gil": False})
    assert "without the GIL" in without and "<b>A free-threaded Python</b>" in without.split("Elsewhere")[0]


def test_no_text_is_read_as_html(monkeypatch):
    """A text is escaped, and what stands in backticks is code."""
    place = {"where": "a < b", "when": [], "text": "use `x < y` & more."}
    monkeypatch.setattr(elsewhere, "lessons", lambda: {"made": {"elsewhere": [place]}})
    text = expect("made", MACHINE)
    assert "<b>a &lt; b</b>: use <code>x &lt; y</code> &amp; more." in text.split("Elsewhere")[0]

"""conc_lab.student.bets: bets are kept, whatever state their file is in, and a check tells what is wrong."""

import contextlib
import json
import math
import re
from pathlib import Path

import nbformat
import pytest

from conc_lab.drawing import kit
from conc_lab.engine import files, machine
from conc_lab.engine.errors import LabError
from conc_lab.student import bets, exercises

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
QUESTIONS = bets._questions()
CHOICE, NUMBER, STEPS, ASKED = "cpu_threads", "first", "spawned_process", "async_parallel"


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """The file that bets are kept in, in a notebook's folder that is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "my_work/bets.json"


def widgets_of(bet):
    """The bet's widgets: (inputs, button, line)."""
    _, *inputs, button, line = bets._bet_widget(bet).children
    return inputs, button, line


def test_a_bet_is_kept(kept):
    """A committed bet of any form is in the same folder by a new kernel, by its lesson's name, with its points."""
    for name, lesson, answer, points in (
        (CHOICE, "cpu_bound", 1, [("threads", 2, 1.0)]),
        (CHOICE, "cpu_bound", 0, [("threads", 2, 2.0)]),
        (NUMBER, "your_lab", [1, 1.8], [("threads", 2, 1), ("processes", 2, 1.8)]),
        (NUMBER, "your_lab", [bets.LEAST, bets.MOST], [("threads", 2, 0.01), ("processes", 2, 10_000)]),
        (STEPS, "startup_cost", [500], [("processes", 1, 500)]),
        (ASKED, "io_bound", 1, []),
    ):
        bet = bets.bet(name)
        assert bet.answer is None and bet.points == [], name
        assert "stands" in bet.commit(answer), name
        for one in (bet, bets.bet(name)):
            assert one.answer == answer and one.points == points, name
        assert json.loads(kept.read_text()) == {lesson: {name: answer}}, name
        kept.unlink()
        assert bets.bet(name).answer is None, name


def test_a_point_that_is_a_fact_of_the_machine(monkeypatch):
    """A point may be the name of a fact, whose value on this machine is then laid over the chart."""
    monkeypatch.setattr(bets, "machine", lambda: {"usable_cpus": 6})
    options = QUESTIONS["io_threads"]["options"]
    (number,) = [n for n, option in enumerate(options) if any("usable_cpus" in point for point in option["points"])]
    bet = bets.bet("io_threads")
    bet.commit(number)
    assert 6 in [speed for *_, speed in bet.points]


def test_bets_of_before(kept):
    """Bets that were kept without a lesson, and those of a question that is gone, are neither lost nor in the way."""
    kept.parent.mkdir()
    kept.write_text(json.dumps({CHOICE: 1, "gone": 2, "old_lesson": {STEPS: [500]}}))
    assert (bets.bet(CHOICE).answer, bets.bet(STEPS).answer) == (1, [500])
    bets.bet(NUMBER).commit([1, 2])
    assert json.loads(kept.read_text()) == {
        "cpu_bound": {CHOICE: 1},
        "": {"gone": 2},
        "startup_cost": {STEPS: [500]},
        "your_lab": {NUMBER: [1, 2]},
    }


def test_bets_do_not_disturb_each_other(kept):
    """A second bet, and a change of the first, leave the others as they are."""
    bets.bet(CHOICE).commit(0)
    bets.bet(NUMBER).commit([1.0, 2.0])
    bets.bet(CHOICE).commit(2)
    assert json.loads(kept.read_text()) == {"cpu_bound": {CHOICE: 2}, "your_lab": {NUMBER: [1.0, 2.0]}} and list(
        kept.parent.iterdir()
    ) == [kept]


def test_unknown_bet():
    """A bet that does not exist is refused with the names that do."""
    with pytest.raises(LabError, match=f"unknown bet 'x'; one of: .*{CHOICE}"):
        bets.bet("x")


def test_a_corrupt_file_counts_as_no_bets(kept):
    """A file that is no JSON object is no error and no bet, and the next commitment replaces it."""
    deep = b'{"cpu_threads": 1, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"  # JSON, but no Python reads it
    kept.parent.mkdir()
    for content in (b"", b'{"cpu_threads": 1', b"[1]", b"\xff\xfe", deep):
        kept.write_bytes(content)
        bet = bets.bet(CHOICE)
        assert bet.answer is None, content[:30]
        bet.commit(1)
        assert bets.bet(CHOICE).answer == 1, content[:30]


NO_NUMBERS = [None, 1, "12", [1.0], [1, 2, 3], ["1", "2"], {"a": 1}, [0.009, 1], [1, 10_001], [1, math.nan]]


@pytest.mark.parametrize(
    "name, values, sentence",
    [
        (CHOICE, [None, "1", 1.0, -1, 3, [1]], "choose one of the options first"),
        (NUMBER, NO_NUMBERS, "give each a number from 0.01 to 10000, such as 0.5 or 3"),
        (STEPS, [None, [None], [3], [500.5], ["500"], [500, 500], 500], "choose one of the options first"),
    ],
    ids=["choice", "numbers", "steps"],
)
def test_an_answer_that_is_none(name, values, sentence, kept):
    """What is no answer to the question counts as no bet where it was kept, and is refused where it is given."""
    kept.parent.mkdir()
    for value in values:
        kept.write_text(json.dumps({name: value}))
        bet = bets.bet(name)
        assert bet.answer is None and bet.points == [], value
        with pytest.raises(LabError, match=f"^{sentence}$"):
            bet.commit(value)


def test_a_folder_that_cannot_be_written(kept):
    """Where nothing can be written the bet stands for the session, and a sentence says so."""
    kept.parent.write_text("a file where the folder should be")
    bet = bets.bet(CHOICE)
    text = bet.commit(1)
    assert "until its cell is run again" in text and "could not be written" in text and "\n" not in text
    assert bet.points and bet.words


def test_a_disk_that_is_full(kept, monkeypatch):
    """A write that fails half way leaves the bets before as they were, no other file, and the new bet standing."""
    bets.bet(CHOICE).commit(0)

    @contextlib.contextmanager
    def full(path, mode):
        with open(path, mode) as file:
            file.write(b"{")
            raise OSError(28, "No space left on device")
        yield

    with monkeypatch.context() as patched:
        patched.setattr(files, "open", full, raising=False)
        assert "No space left" in (bet := bets.bet(CHOICE)).commit(2)
    assert json.loads(kept.read_text()) == {"cpu_bound": {CHOICE: 0}} and list(kept.parent.iterdir()) == [kept]
    assert bet.answer == 2


def test_reasons_of_a_log_scale():
    """Every range has its reason, and the one that the student's number lies in is marked."""
    assert "your bet" not in bets.bet(STEPS).reasons().text
    for step, marked in ((2, 0), (5, 1), (50, 1), (100, 2), (10_000, 2)):
        bet = bets.bet(STEPS)
        bet.commit([step])
        rows = bet.reasons().text.split("<li>")[1:]
        assert ["your bet" in row for row in rows] == [number == marked for number in range(3)], step


def test_words():
    """An answer in words is the option's text, or the numbers with their workers; "" before there is one."""
    assert bets.bet(CHOICE).words == bets.bet(NUMBER).words == ""
    for name, answer in ((CHOICE, 1), (NUMBER, [1, 1.8]), (STEPS, [2000])):
        bets.bet(name).commit(answer)
    assert bets.bet(CHOICE).words == QUESTIONS[CHOICE]["options"][1]["text"]
    assert bets.bet(NUMBER).words == "2 threads 1×, 2 processes 1.8×" and bets.bet(STEPS).words == "1 process 2,000×"


def test_the_widget_of_a_log_scale():
    """Each place has a labelled list of the steps, which begins without a choice; the button commits."""
    bet = bets.bet(STEPS)
    (choice,), button, line = widgets_of(bet)
    assert (choice.description, choice.value) == ("1 process:", None)
    assert [text for text, _ in choice.options][-1] == "10,000×"
    button.click()
    assert "choose one of the options first" in line.value and bet.answer is None
    choice.value = 500
    button.click()
    assert bet.answer == [500] and widgets_of(bets.bet(STEPS))[0][0].value == 500


def test_the_widget_of_a_question():
    """A question says that the reasons follow the answer, and shows all of them after it, also to a new kernel."""
    question = bets.question(ASKED)
    (radio,), button, line = widgets_of(question)
    assert button.description == "Answer" and "The reasons follow your answer." in line.value
    assert 'role="status"' in line.value and "<li>" not in line.value
    button.click()
    assert "choose one of the options first" in line.value and "<li>" not in line.value
    radio.index = 0
    button.click()
    assert "The reasons follow" not in line.value
    assert "Your answer is kept." in line.value and line.value.count("<li>") == 3
    assert "(your answer)" in line.value.split("<li>")[1] and "(your answer)" not in line.value.split("<li>")[2]
    assert "before" in widgets_of(bets.question(ASKED))[2].value


def test_reasons_of_a_choice():
    """Every option is shown with whether it holds and why, and the student's own is marked; numbers have one reason."""
    bet = bets.bet(CHOICE)
    assert "your bet" not in bet.reasons()._repr_html_()
    bet.commit(1)
    shown = bet.reasons()._repr_html_()
    options = QUESTIONS[CHOICE]["options"]
    assert shown.count("<li>") == len(options) and shown.count("✓") == sum(option["holds"] for option in options)
    assert re.search(r"your bet", shown.split("<li>")[2]) and shown.count("your bet") == 1
    assert QUESTIONS[NUMBER]["reason"] in bets.bet(NUMBER).reasons().text


def test_the_widget_of_a_choice():
    """Choosing and pressing the button commits; pressing it before choosing asks for a choice."""
    bet = bets.bet(CHOICE)
    (radio,), button, line = widgets_of(bet)
    assert "The reasons follow" not in line.value  # a bet's reasons come in a cell of their own
    button.click()
    assert "choose one of the options first" in line.value and bet.answer is None
    radio.index = 2
    button.click()
    assert bet.answer == 2 and "stands" in line.value and 'role="status"' in line.value
    (radio,), _, line = widgets_of(bets.bet(CHOICE))
    assert radio.value == 2 and "before" in line.value


def test_the_widget_of_numbers():
    """Each place has a labelled field that begins empty, and pressing the button commits them all."""
    bet = bets.bet(NUMBER)
    inputs, button, line = widgets_of(bet)
    assert [(item.description, item.value) for item in inputs] == [("2 threads: ×", ""), ("2 processes: ×", "")]
    button.click()
    assert "give each a number from 0.01 to 10000" in line.value and bet.answer is None
    inputs[0].value, inputs[1].value = " 1 ", "1.9"
    button.click()
    assert bet.answer == [1, 1.9] and "stands" in line.value
    assert [item.value for item in widgets_of(bets.bet(NUMBER))[0]] == ["1", "1.9"]


def test_a_field_without_a_number():
    """A field that holds no number that can be a bet is answered with what can, and nothing is committed."""
    bet = bets.bet(NUMBER)
    inputs, button, line = widgets_of(bet)
    inputs[0].value = "1"
    for word in ("", "fast", "1,9", "10001", "nan", "<b>"):
        line.value, inputs[1].value = "", word
        button.click()
        assert ">give each a number from 0.01 to 10000, such as 0.5 or 3.<" in line.value and bet.answer is None, word


def test_a_bet_shows_itself_in_a_cell():
    """Left last in a cell, a bet is its widgets."""
    assert "application/vnd.jupyter.widget-view+json" in bets.bet(CHOICE)._repr_mimebundle_()


def test_every_question():
    """A choice has three options or more, each with a reason, one that holds and one that does not; points fit."""
    for name, question in QUESTIONS.items():
        assert question["question"].endswith((".", "?")), name
        reasons = question.get("options") or question.get("ranges") or [question]
        assert all(len(part["reason"]) > 40 for part in reasons), name
        if len(reasons) > 1:
            assert len(reasons) >= 3 and {part["holds"] for part in reasons} == {True, False}, name
            assert len({part["text"] for part in reasons}) == len(reasons), name
        if "options" in question:
            assert set(question) == {"question", "options", "lesson"}, name
            for option in reasons:
                assert set(option) == {"text", "holds", "points", "reason"}, name
                assert bool(option["points"]) == bool(reasons[0]["points"]), name  # all of them, or none
                for kind, workers, speed in option["points"]:
                    assert kind in kit.LOOKS and workers >= 1, name
                    speed = machine.machine()[speed] if isinstance(speed, str) else speed
                    assert isinstance(speed, (int, float)) and speed > 0, name
            continue
        assert all(kind in kit.LOOKS and workers >= 1 for kind, workers in question["places"]), name
        if "steps" in question:
            assert (
                set(question) == {"question", "places", "steps", "ranges", "lesson"} and len(question["places"]) == 1
            ), name
            assert all(set(part) == {"below", "text", "holds", "reason"} for part in reasons), name
            *limits, last = [part["below"] for part in reasons]
            assert last is None and limits == sorted(limits) and question["steps"] == sorted(question["steps"]), name
        else:
            assert set(question) == {"question", "places", "reason", "lesson"}, name


def test_bets_and_notebooks_agree():
    """Every bet that a notebook asks for exists, and every bet that exists is asked for in one."""
    source = "\n".join(cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells)
    assert sorted(re.findall(r"lab\.(?:bet|question)\(\"(\w+)\"", source)) == sorted(QUESTIONS)


def test_check():
    """A check says "not yet", "right", or the first requirement that is not met, and raises nothing."""
    positive = (lambda answer: answer > 0, "it must be positive <b>.")
    even = (lambda answer: answer % 2 == 0, "it must be even.")
    for answer, words in (
        (..., "Not yet: replace the ..."),
        (2, "✓ Right."),
        (-1, "✗ Not yet: it must be positive &lt;b&gt;."),
        (3, "✗ Not yet: it must be even."),
        ("2", "✗ Not yet: checking it raised TypeError: "),
    ):
        assert words in exercises.check(answer, positive, even)._repr_html_(), answer
    assert "✓" in exercises.check(None).text and "✓" not in exercises.check(...).text

"""conc_lab.lesson: bets are kept, whatever state their file is in, and a check tells what is wrong."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from conc_lab.engine import pools as executors, machine as this_machine
from conc_lab.student import bets as lesson
from conc_lab.engine.errors import LabError

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
QUESTIONS = lesson._questions()
CHOICES = [name for name, question in QUESTIONS.items() if "options" in question]
STEPPED = [name for name, question in QUESTIONS.items() if "steps" in question]
NUMBERS = [name for name, question in QUESTIONS.items() if "options" not in question and name not in STEPPED]
DEEP = b'{"cpu_threads": 1, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"  # JSON, but no Python reads it
CHOICE, NUMBER, STEPS, ASKED = "cpu_threads", "first", "spawned_process", "async_parallel"
ANSWERS = [*((name, 1) for name in CHOICES), *((n, [1.5, 2]) for n in NUMBERS), *((n, [500]) for n in STEPPED)]


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """The file that bets are kept in, in a notebook's folder that is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lesson, "_TOLD", [])
    monkeypatch.setattr(lesson, "_UNWRITTEN", {})
    return tmp_path / "my_work/bets.json"


def widgets_of(bet):
    """The bet's widgets: (inputs, button, line)."""
    _, *inputs, button, line = lesson._bet_widget(bet).children
    return inputs, button, line


@pytest.mark.parametrize("name, answer", ANSWERS)
def test_a_bet_is_kept(name, answer, kept):
    """A committed bet, with points or without, is found by a new kernel in the same folder, and in no other."""
    bet = lesson.bet(name)
    assert bet.answer is None and bet.points == []
    assert "stands" in bet.commit(answer)
    assert bet.answer == answer
    again = lesson.bet(name)
    assert again.answer == answer and again.points == bet.points
    assert json.loads(kept.read_text()) == {name: answer}
    kept.unlink()
    assert lesson.bet(name).answer is None


def test_bets_do_not_disturb_each_other(kept):
    """A second bet, and a change of the first, leave the others as they are."""
    lesson.bet(CHOICE).commit(0)
    lesson.bet(NUMBER).commit([1.0, 2.0])
    lesson.bet(CHOICE).commit(2)
    assert json.loads(kept.read_text()) == {CHOICE: 2, NUMBER: [1.0, 2.0]}


def test_unknown_bet():
    """A bet that does not exist is refused with the names that do."""
    with pytest.raises(LabError, match=f"unknown bet 'x'; one of: .*{CHOICE}"):
        lesson.bet("x")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b'"x"', b"\xff\xfe", b'{"cpu_threads": 1', DEEP])
def test_a_corrupt_file_counts_as_no_bets(content, kept):
    """A file that is no JSON object is no error and no bet, and the next commitment replaces it."""
    kept.parent.mkdir()
    kept.write_bytes(content)
    bet = lesson.bet(CHOICE)
    assert bet.answer is None
    bet.commit(1)
    assert lesson.bet(CHOICE).answer == 1


@pytest.mark.parametrize("value", [None, True, "1", 1.0, -1, 3, 99, [1], {}, [[]]])
def test_a_choice_of_the_wrong_type(value, kept):
    """A kept or given choice that is no option's index counts as no bet, or is refused."""
    kept.parent.mkdir()
    kept.write_text(json.dumps({CHOICE: value}))
    bet = lesson.bet(CHOICE)
    assert bet.answer is None and bet.points == []
    with pytest.raises(LabError, match="choose one of the options"):
        bet.commit(value)


NO_NUMBERS = [None, 1, "12", [], [1.0], [1, 2, 3], ["1", "2"], [True, 1], [None, 1], {"a": 1}, [[1], 2]]
NO_NUMBERS += [[0, 1], [-1, 1], [0.009, 1], [1, 1001], [1, 1e4], [1, 10**400]]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: str(value)[:20])
def test_numbers_of_the_wrong_type(value, kept):
    """Kept or given numbers that are not one number from 0.01 to 1000 a place count as no bet, or are refused."""
    kept.parent.mkdir()
    kept.write_text(json.dumps({NUMBER: value}))
    bet = lesson.bet(NUMBER)
    assert bet.answer is None and bet.points == []
    with pytest.raises(LabError, match="number"):
        bet.commit(value)


@pytest.mark.parametrize("value", [0.01, 1000, 1000.0, 1])
def test_numbers_at_the_limits(value):
    """The least and the largest number are bets."""
    assert "stands" in lesson.bet(NUMBER).commit([value, 1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_no_chart_can_show(value):
    """Neither infinity nor "not a number" is a bet."""
    with pytest.raises(LabError, match="number"):
        lesson.bet(NUMBER).commit([1.0, value])


def test_a_folder_that_cannot_be_written(kept):
    """Where nothing can be written the bets stand for the session, one sentence says so once, and later all is kept."""
    kept.parent.write_text("a file where the folder should be")
    bet = lesson.bet(CHOICE)
    said = bet.commit(1)
    assert "this session" in said and "cannot be written" in said and "\n" not in said
    assert bet.points and lesson.bet(CHOICE).answer == 1
    assert lesson.question(ASKED).commit(1) == "Your answer is kept."
    kept.parent.unlink()
    lesson.bet(NUMBER).commit([1, 2])
    assert json.loads(kept.read_text()) == {CHOICE: 1, ASKED: 1, NUMBER: [1, 2]}


def test_a_disk_that_is_full(kept, monkeypatch):
    """A write that fails half way leaves the bets before as they were, no other file, and the new bet standing."""
    lesson.bet(CHOICE).commit(0)

    def write_half(self, text, **how):
        self.write_bytes(text[: len(text) // 2].encode())
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", write_half)
        assert "No space left" in lesson.bet(CHOICE).commit(2)
    assert json.loads(kept.read_text()) == {CHOICE: 0} and list(kept.parent.iterdir()) == [kept]
    assert lesson.bet(CHOICE).answer == 2


def test_points_of_a_choice():
    """A choice's points are those of the chosen option."""
    bet = lesson.bet(CHOICE)
    bet.commit(0)
    assert bet.points == [("threads", 2, 2.0)]
    bet.commit(1)
    assert bet.points == [("threads", 2, 1.0)]


def test_points_of_numbers():
    """A number bet's points are its numbers at its places."""
    bet = lesson.bet(NUMBER)
    bet.commit([1, 1.8])
    assert bet.points == [("threads", 2, 1), ("processes", 2, 1.8)]


@pytest.mark.parametrize("value", [[3], [500.5], [0], ["500"], [500, 500], 500])
def test_a_number_beside_the_steps(value, kept):
    """On a log scale only its own steps are an answer, whether kept or given."""
    kept.parent.mkdir()
    kept.write_text(json.dumps({STEPS: value}))
    bet = lesson.bet(STEPS)
    assert bet.answer is None
    with pytest.raises(LabError, match="number"):
        bet.commit(value)


@pytest.mark.parametrize("step, mine", [(1, 0), (2, 0), (5, 1), (50, 1), (100, 2), (10_000, 2)])
def test_reasons_of_a_log_scale(step, mine):
    """Every range has its reason, and the one that the student's number lies in is marked."""
    bet = lesson.bet(STEPS)
    assert "your bet" not in bet.reasons().text
    bet.commit([step])
    assert [("your bet" in part) for part in bet.reasons().text.split("<li>")[1:]] == [n == mine for n in range(3)]
    assert bet.points == [("processes", 1, step)]


def test_said():
    """An answer in words is the option's text, or the numbers with their workers; "" before there is one."""
    assert lesson.bet(CHOICE).said == lesson.bet(NUMBER).said == ""
    for name, answer in ((CHOICE, 1), (NUMBER, [1, 1.8]), (STEPS, [2000])):
        lesson.bet(name).commit(answer)
    assert lesson.bet(CHOICE).said == QUESTIONS[CHOICE]["options"][1]["text"]
    assert lesson.bet(NUMBER).said == "2 threads 1×, 2 processes 1.8×" and lesson.bet(STEPS).said == "1 process 2,000×"


def test_the_widget_of_a_log_scale():
    """Each place has a labelled list of the steps, which begins without a choice; the button commits."""
    bet = lesson.bet(STEPS)
    (choice,), button, line = widgets_of(bet)
    assert (choice.description, choice.value) == ("1 process:", None)
    assert [text for text, _ in choice.options][-1] == "10,000×"
    button.click()
    assert "choose a number first" in line.value and bet.answer is None
    choice.value = 500
    button.click()
    assert bet.answer == [500] and widgets_of(lesson.bet(STEPS))[0][0].value == 500


def test_the_widget_of_a_question():
    """A question says that the reasons follow the answer, and shows all of them after it, also to a new kernel."""
    question = lesson.question(ASKED)
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
    assert "before" in widgets_of(lesson.question(ASKED))[2].value


@pytest.mark.parametrize("name", CHOICES)
def test_reasons_of_a_choice(name):
    """Every option is shown with whether it holds and why, and the student's own is marked."""
    bet = lesson.bet(name)
    assert "your bet" not in bet.reasons()._repr_html_()
    bet.commit(1)
    shown = bet.reasons()._repr_html_()
    options = QUESTIONS[name]["options"]
    assert shown.count("<li>") == len(options) and shown.count("✓") == sum(option["holds"] for option in options)
    assert re.search(r"your bet", shown.split("<li>")[2]) and shown.count("your bet") == 1


def test_the_widget_of_a_choice():
    """Choosing and pressing the button commits; pressing it before choosing asks for a choice."""
    bet = lesson.bet(CHOICE)
    (radio,), button, line = widgets_of(bet)
    assert "The reasons follow" not in line.value  # a bet's reasons come in a cell of their own
    button.click()
    assert "choose one of the options first" in line.value and bet.answer is None
    radio.index = 2
    button.click()
    assert bet.answer == 2 and "stands" in line.value and 'role="status"' in line.value
    (radio,), _, line = widgets_of(lesson.bet(CHOICE))
    assert radio.value == 2 and "before" in line.value


def test_the_widget_of_numbers():
    """Each place has a labelled field that begins empty, and pressing the button commits them all."""
    bet = lesson.bet(NUMBER)
    inputs, button, line = widgets_of(bet)
    assert [(item.description, item.value) for item in inputs] == [("2 threads: ×", ""), ("2 processes: ×", "")]
    button.click()
    assert "give each a number from 0.01 to 1000" in line.value and bet.answer is None
    inputs[0].value, inputs[1].value = " 1 ", "1.9"
    button.click()
    assert bet.answer == [1, 1.9] and "stands" in line.value
    assert [item.value for item in widgets_of(lesson.bet(NUMBER))[0]] == ["1", "1.9"]


@pytest.mark.parametrize("word", ["", " ", "fast", "1,9", "1.9x", "0", "-1", "1001", "nan", "inf", "1e999", "<b>"])
def test_a_field_without_a_number(word):
    """A field that holds no number that can be a bet is answered with what can, and nothing is committed."""
    bet = lesson.bet(NUMBER)
    inputs, button, line = widgets_of(bet)
    inputs[0].value, inputs[1].value = "1", word
    button.click()
    assert ">give each a number from 0.01 to 1000, such as 0.5 or 3.<" in line.value and bet.answer is None


def test_a_bet_shows_itself_in_a_cell():
    """Left last in a cell, a bet is its widgets."""
    assert "application/vnd.jupyter.widget-view+json" in lesson.bet(CHOICE)._repr_mimebundle_()


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question(name):
    """A choice has three options or more, each with a reason, one that holds and one that does not; points fit."""
    question = QUESTIONS[name]
    assert question["question"].endswith((".", "?"))
    if name in CHOICES:
        assert len(question["options"]) >= 3
        assert {option["holds"] for option in question["options"]} == {True, False}
        assert len({option["text"] for option in question["options"]}) == len(question["options"])
        for option in question["options"]:
            assert set(option) == {"text", "holds", "points", "reason"} and len(option["reason"]) > 40
            bet = lesson.bet(name)
            bet.commit(question["options"].index(option))
            assert bool(bet.points) == bool(question["options"][0]["points"])  # all of them, or none
            assert len(bet.points) == len(option["points"])  # none where the chart has no place for them
            for kind, workers, speed in bet.points:
                assert kind in executors.KINDS and workers >= 1
                assert isinstance(speed, (int, float)) and speed > 0
            for *_, speed in option["points"]:
                assert not isinstance(speed, str) or speed in this_machine.machine()
    elif name in STEPPED:
        assert set(question) == {"question", "places", "steps", "ranges"} and len(question["places"]) == 1
        assert all(set(part) == {"below", "text", "holds", "reason"} for part in question["ranges"])
        assert all(len(part["reason"]) > 40 for part in question["ranges"])
        assert {part["holds"] for part in question["ranges"]} == {True, False}
        *limits, last = [part["below"] for part in question["ranges"]]
        assert last is None and limits == sorted(limits) and question["steps"] == sorted(question["steps"])
    else:
        assert set(question) == {"question", "places", "reason"} and len(question["reason"]) > 40
        assert all(kind in executors.KINDS and workers >= 1 for kind, workers in question["places"])


def test_bets_and_notebooks_agree():
    """Every bet that a notebook asks for exists, and every bet that exists is asked for in one."""
    source = "\n".join(cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells)
    assert sorted(re.findall(r"lab\.(?:bet|question)\(\"(\w+)\"", source)) == sorted(QUESTIONS)


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem < "13"], ids=lambda path: path.stem)
def test_one_bet_and_one_question(path):
    """A lesson has one bet, before its measurement, and one question, after it has been read."""
    source = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    assert re.findall(r"lab\.(bet|question)\(|^## (Measure|Read)$", source, re.MULTILINE) == [
        ("bet", ""),
        ("", "Measure"),
        ("", "Read"),
        ("question", ""),
    ]


POSITIVE = (lambda answer: answer > 0, "it must be positive <b>.")
EVEN = (lambda answer: answer % 2 == 0, "it must be even.")


@pytest.mark.parametrize(
    "answer, words",
    [
        (..., "Not yet: replace the ..."),
        (2, "✓"),
        (-1, "✗ Not yet: it must be positive &lt;b&gt;."),
        (3, "✗ Not yet: it must be even."),
        (-2, "✗ Not yet: it must be positive"),
        ("2", "✗ Not yet: it must be positive &lt;b&gt;. (checking it raised TypeError:"),
        (None, "TypeError"),
    ],
)
def test_check(answer, words):
    """A check says "not yet", "right", or the first requirement that is not met, and raises nothing."""
    assert words in lesson.check(answer, POSITIVE, EVEN)._repr_html_()


def test_check_of_nothing():
    """Without a requirement, any answer but the ellipsis is right."""
    assert "✓" in lesson.check(None).text and "✓" not in lesson.check(...).text

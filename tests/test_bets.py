"""conc_lab.student.bets: bets are kept, whatever state their file is in; rows decide them; nothing shows before."""

import contextlib
import html
import json
import re
from pathlib import Path

import nbformat
import pytest
from made import advise, echo, faults, memory, races, sharing, startup, transfer
from made.results import TWO, made

from conc_lab.drawing import kit
from conc_lab.engine import files, machine
from conc_lab.engine.errors import LabError
from conc_lab.student import bets, exercises

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
QUESTIONS = bets._questions()
CHOICE, BOTH, START, ASKED = "cpu_threads", "first", "spawned_process", "async_parallel"
HELD, LOST, OPEN = bets.HELD[True], bets.HELD[False], bets.HELD[None]
HASHED = made({("threads", 2): 1.9}, task="sha256")


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """The file that bets are kept in, in a notebook's folder that is empty."""
    monkeypatch.chdir(tmp_path)
    bets.bet.cache_clear()
    return tmp_path / "my_work/bets.json"


def widgets_of(bet):
    """The widgets of the bet's card: (inputs, button, a function that says what its line says, the HTML below)."""
    _, *inputs, button, line, below = bet._view(asks=True).children
    return inputs, button, lambda: line.said, below


def kept_as(first, last=None, after_run=False):
    """What the file has of a bet that was changed from `first` to `last`."""
    return {"first": first, "last": first if last is None else last, "after_run": after_run}


def draw(result):
    """A chart that nobody looks at."""


def test_a_bet_is_kept(kept):
    """A committed bet of any form is in the same folder by a new kernel, with its points."""
    for name, answer, points in (
        (CHOICE, 1, [("threads", 2, 1.0)]),
        (CHOICE, 0, [("threads", 2, 2.0)]),
        (BOTH, 2, [("threads", 2, 1.0), ("processes", 2, 2.0)]),
        (START, 2, [("processes", 1, 500)]),
        (ASKED, 1, []),
    ):
        bet = bets.Bet(name)
        assert bet.answer is None and bet.points == [], name
        bet.commit(answer)
        for one in (bet, bets.Bet(name)):
            assert one.answer == one.first == answer and one.points == points, name
        assert json.loads(kept.read_text()) == {name: kept_as(answer)}, name
        kept.unlink()
        assert bets.Bet(name).answer is None, name


def test_the_first_answer_stays(kept):
    """A changed bet keeps what it was at first and says so, in the next kernel too; the same one twice is no change."""
    bet = bets.bet(CHOICE)
    for answer in (1, 1, 0, 2):
        bet.commit(answer)
    assert json.loads(kept.read_text()) == {CHOICE: kept_as(1, 2)}
    assert "You bet C, changed from B." in bets.Bet(CHOICE).headline
    bet.commit(1)
    assert "You bet B. " in bet.headline and (bet.first, bet.answer) == (1, 1)


def test_a_bet_after_the_run_is_marked(kept):
    """A bet that is committed, or changed, after its rows says so, and still when the kernel is restarted."""
    early = bets.Bet(CHOICE)
    early.met(HASHED, draw)  # rows so far count: they are in the chart
    early.commit(0)
    assert json.loads(kept.read_text()) == {CHOICE: kept_as(0, after_run=True)}
    late = bets.Bet(CHOICE)
    assert "You bet A, after the run." in late.headline and late.words.endswith("(after the run)")
    kept.unlink()
    bet = bets.Bet(CHOICE)
    bet.commit(0)
    bet.met(HASHED, draw, whole=True)
    bet.commit(0)
    assert not bet.late and "after the run" not in bet.headline + bet.words
    bet.commit(1)
    assert "You bet B, changed from A, after the run." in bet.headline


def test_a_point_that_is_a_fact_of_the_machine(monkeypatch):
    """A point may be the name of a fact, whose value on this machine is then laid over the chart."""
    monkeypatch.setattr(bets, "machine", lambda: {"usable_cpus": 6})
    options = QUESTIONS["io_threads"]["options"]
    (number,) = [n for n, option in enumerate(options) if any("usable_cpus" in point for point in option["points"])]
    bet = bets.bet("io_threads")
    bet.commit(number)
    assert 6 in [speed for *_, speed in bet.points]


def test_bets_of_before(kept):
    """Bets that were kept by their lesson, and those of a question that is gone, are neither lost nor in the way."""
    kept.parent.mkdir()
    kept.write_text(json.dumps({"cpu_bound": {CHOICE: 1}, "": {"gone": 2}, "io_bound": {ASKED: kept_as(0, 1)}}))
    assert (bets.bet(CHOICE).answer, bets.bet(ASKED).first, bets.bet(ASKED).answer) == (1, 0, 1)
    bets.bet(CHOICE).commit(0)
    assert json.loads(kept.read_text()) == {
        CHOICE: kept_as(1, 0),
        "gone": {"first": 2, "last": 2},
        ASKED: kept_as(0, 1),
    }
    assert bets.Bet(ASKED).answer == 1


def test_bets_do_not_disturb_each_other(kept):
    """A second bet, and a change of the first, leave the others as they are."""
    bets.bet(CHOICE).commit(0)
    bets.bet(BOTH).commit(3)
    bets.bet(CHOICE).commit(2)
    found = {CHOICE: kept_as(0, 2), BOTH: kept_as(3)}
    assert json.loads(kept.read_text()) == found and list(kept.parent.iterdir()) == [kept]


def test_unknown_bet():
    """A bet that does not exist is refused with the names that do."""
    with pytest.raises(LabError, match=f"unknown bet 'x'; one of: .*{CHOICE}"):
        bets.bet("x")
    assert not hasattr(bets.bet, "_repr_mimebundle_")  # `lab.bet` alone in a cell is no bet to show


def test_a_corrupt_file_counts_as_no_bets(kept):
    """A file that is no JSON object is no error and no bet, and is never written over: a sentence says what to do."""
    deep = b'{"cpu_threads": 1, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"  # JSON, but no Python reads it
    kept.parent.mkdir()
    for content in (b"", b'{"cpu_threads": 1', b"[1]", b"\xff\xfe", deep):
        kept.write_bytes(content)
        bet = bets.Bet(CHOICE)
        assert bet.answer is None, content[:30]
        bet.commit(1)
        assert bet.answer == 1 and kept.read_bytes() == content, content[:30]
        assert bet.headline.endswith("my_work/bets.json is damaged: move it elsewhere.")


def test_an_answer_that_is_none(kept):
    """What is no answer to the question counts as no bet where it was kept, and is refused where it is given."""
    kept.parent.mkdir()
    for value in (None, "1", 1.0, -1, 3, [1]):
        for content in ({CHOICE: value}, {CHOICE: {"first": value, "last": value, "after_run": 1}}):
            kept.write_text(json.dumps(content))
            bet = bets.Bet(CHOICE)
            assert bet.first is bet.answer is None and bet.points == [] and bet.words == "" and not bet.late, content
        with pytest.raises(LabError, match=r"^choose an option first$"):
            bet.commit(value)


def test_a_folder_that_cannot_be_written(kept):
    """Where nothing can be written the bet stands for the session, and a sentence says so."""
    kept.parent.write_text("a file where the folder should be")
    bet = bets.bet(CHOICE)
    bet.commit(1)
    text = bet.headline
    assert "when you restart the kernel" in text and "could not be written" in text and "\n" not in text
    assert bet.points and bet.words and bets.bet(CHOICE) is bet


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
        (bet := bets.Bet(CHOICE)).commit(2)
        assert "No space left" in bet.headline and bet.answer == 2
    assert json.loads(kept.read_text()) == {CHOICE: kept_as(0)}
    assert list(kept.parent.iterdir()) == [kept]


def test_words():
    """An answer in words is the option's text; "" before there is one."""
    assert bets.bet(CHOICE).words == ""
    bets.bet(CHOICE).commit(1)
    assert bets.bet(CHOICE).words == QUESTIONS[CHOICE]["options"][1]["text"]


def test_the_widget_of_a_question():
    """A question says that the reasons follow the answer, and shows all of them after it, also to a new kernel."""
    question = bets.question(ASKED)
    (radio,), button, said, below = widgets_of(question)
    assert button.description == "Answer" and said() == "Answer, and you'll see the reasons." and below.value == ""
    button.click()
    assert "Choose an option first." in said() and below.value == ""
    radio.index = 0
    button.click()
    assert said() == "You answered A. ✗ wrong."
    for one in (question, bets.Bet(ASKED)):
        rows = widgets_of(one)[3].value.split("<li>")[1:]
        assert [("(your answer)" in row, ">right." in row) for row in rows] == [
            (True, False),
            (False, True),
            (False, False),
        ]


def test_the_widget_of_a_choice():
    """The options carry letters; choosing and pressing the button commits; pressing it before asks for a choice."""
    bet = bets.bet(CHOICE)
    (radio,), button, said, _ = widgets_of(bet)
    assert [label[:3] for label in radio.options] == ["A. ", "B. ", "C. "]
    button.click()
    assert said() == "Choose an option first." and bet.answer is None
    radio.index = 2
    button.click()
    assert bet.answer == 2 and said() == "You bet C. Your bet is in. Now run the measurement."
    (radio,), _, said, _ = widgets_of(bets.Bet(CHOICE))
    assert radio.index == 2 and "You bet C." in said()


def test_a_bet_shows_itself_in_a_cell():
    """Last in a cell, a bet is the same card each time; where there are no widgets its question stands, escaped."""
    bet = bets.bet(CHOICE)
    bet.question = bet.question | {"question": "Is 1 < 2?"}
    first, again = bet._repr_mimebundle_(), bets.bet(CHOICE)._repr_mimebundle_()
    card = "application/vnd.jupyter.widget-view+json"
    assert first[card]["model_id"] == again[card]["model_id"] and bets.bet(CHOICE) is bet
    assert "Is 1 < 2?" in first["text/plain"] and "Is 1 &lt; 2?" in first["text/html"]
    assert bet.reasons() is bet.reasons() and "text/html" in bet.reasons()._repr_mimebundle_()


def test_nothing_is_revealed_before_both_are_there():
    """Verdict and reasons appear in their place with the bet and the rows, whichever is last; the card tells, too."""
    for name, answer, rows in (
        (CHOICE, 1, HASHED),
        (BOTH, 2, made(TWO)),
        (START, 0, startup.made_startup(rounds=5)),
    ):
        for order in ("bet", "rows"):
            bets.bet.cache_clear()
            bet = bets.bet(name)
            line, below = bet.reasons().children
            _, _, said, card_below = widgets_of(bet)
            assert line.said == "Bet first, then measure. Then you'll see the reasons."
            if order == "bet":
                bet.commit(answer)
                assert line.said.endswith("Your bet is in. Now run the measurement.")
            else:
                bet.met(rows, draw)
                assert line.said == "Bet first, then measure. Then you'll see the reasons."
                bet.met(rows, draw, whole=True)
                assert line.said == "Commit your bet first." and card_below.value == ""
            folded = "<details><summary " if order == "rows" else ""
            assert below.value[:18] == folded, (name, order)
            if order == "bet":
                bet.met(rows, draw, whole=True)
            else:
                bet.commit(answer)
            assert "Your machine: " in line.said and "<details>" not in below.value
            reasons = [html.escape(part["reason"]) for part in bet.options]
            assert all(reason in below.value for reason in reasons) and card_below.value == "", (name, order)
            assert said() == line.said
            assert ("after the run" in line.said) == (order == "rows")
            Path("my_work/bets.json").unlink()


def test_the_reasons_without_a_bet():
    """Whoever has made no bet can unfold them, without a mark; a bet afterwards is one after the run."""
    bet = bets.bet(CHOICE)
    line, below = bet.reasons().children
    bet.met(HASHED, draw, whole=True)
    assert re.match("<details><summary [^>]*>Show the reasons without a bet</summary>", below.value)
    assert below.value.count("<li>") == 3 and "your bet" not in below.value and bet.mark(HASHED) == ""
    bet.commit(0)
    assert line.said == f"You bet A, after the run. Your machine: 2 threads 1.90×. {HELD}."


def marks(name, result, *answers):
    """The marks of these answers by these rows."""
    found = []
    for answer in answers:
        bet = bets.Bet(name)
        bet.commit(answer)
        found.append(bet.mark(result))
    return found


def test_the_marks_of_speedups():
    """A bet on a speedup held, did not, or cannot be told: one CPU, few rounds, or what held the workers back."""

    def hashed(speed, **how):
        return made({("threads", 2): speed}, task="sha256", **how)

    every = (0, 1, 2)  # twice as fast, as fast, half as fast
    assert marks(CHOICE, hashed([1.8, 1.9]), *every) == [HELD, LOST, LOST]
    assert marks(CHOICE, hashed(0.98), *every) == [LOST, HELD, LOST]
    assert marks(CHOICE, hashed([1.2, 1.9]), *every) == [OPEN, OPEN, LOST]
    assert marks(CHOICE, hashed(0.98, usable=1), *every) == [OPEN, OPEN, LOST]
    assert marks(CHOICE, hashed(0.8, usable=1), 0) == [OPEN]
    assert marks(CHOICE, hashed(1.9, rounds=3), *every) == [OPEN] * 3
    dear = hashed(1.25, busy={("threads", 2): 2})  # each task costs 1.6 times the CPU time
    assert marks(CHOICE, dear, *every) == [OPEN, OPEN, LOST]
    both = made(TWO)  # 1.0 and 1.9
    assert marks(BOTH, both, 0, 1, 2, 3) == [LOST, LOST, HELD, LOST]
    one_cpu = made({("threads", 2): 1.0, ("processes", 2): 0.97}, usable=1)
    assert marks(BOTH, one_cpu, 0, 1, 2, 3) == [OPEN] * 4
    waits = made({("threads", 60): 45.0}, task="sleep", alone=0.01, waits=True, usable=1)
    assert marks("io_threads", waits, 0, 1, 2) == [LOST, LOST, HELD]
    free = made({("threads", 2): 1.9})
    assert marks("without_gil", free, *every) == ["", "", ""]  # it has a GIL, and the bet is about none
    free.machine["gil"] = False
    assert marks("without_gil", free, *every) == [LOST, HELD, LOST]
    bet = bets.Bet(CHOICE)
    bet.commit(0)
    bet.met(hashed(0.98, usable=1), draw, whole=True, whose="The recording")
    assert "The recording: 2 threads 0.98×" in bet.headline
    bet.met(hashed(0.98, usable=1), draw, whole=True)
    assert "2 threads 0.98×. – not testable here: with one usable CPU" in bet.headline
    right = bet.reasons().children[-1].value.split("<li>")[1]
    assert "not testable here; in general right" in right  # by the rows, and whatever the machine


def test_the_marks_of_other_bets():
    """By the rows of its experiment each option can hold, and its word is one that the rows can come to."""

    def with_lost(lost):
        return races.made(*races.update_rows("call", lost))

    def after_reading(own):
        size = {"size": 100}
        rows = memory.row("fork", 1, 5, own=2, **size), memory.row("fork", 1, 5, touch="read", own=own, **size)
        return memory.made(*rows, parent_data="ints", data_mb=100)

    def handed(thread, process):
        times = {"reference": [1e-5, 1e-5 * thread], "pickle": [1e-4, 1e-4 * process]}
        return transfer.made(times, sizes=(1000, 100_000_000))

    def crashed(**changes):
        return faults.made(faults.row("segfault", "ProcessPoolExecutor", **changes))

    def answered(beside_us, **facts):
        result = echo.made(echo.ECHO | {("threads", 1, 5000): beside_us})
        result.machine.update({"gil": True} | facts)
        return result

    def enough(speed, **how):
        return made({("processes", 2): 1.9, ("processes", 8): speed}, **how)

    for name, result, held in (
        (START, startup.made_startup(rounds=5), [LOST, LOST, HELD]),
        (START, startup.made_startup(startup.QUIET | {("spawn", False): [4, 30]}, rounds=6), [LOST, OPEN, OPEN]),
        (START, startup.made_startup(rounds=2), [OPEN] * 3),
        ("what_a_worker_gets", sharing.RESULT, [LOST, LOST, HELD]),
        ("races", with_lost(321), [HELD, LOST, OPEN, LOST]),
        ("races", with_lost(0), [OPEN] * 4),
        ("memory_read", after_reading(80), [HELD, LOST, LOST]),
        ("memory_read", after_reading(3), [LOST, HELD, LOST]),
        ("memory_read", after_reading(30), [OPEN] * 3),
        ("memory_read", memory.made(memory.row("spawn", 1, 5, size=100), parent_data="ints"), [OPEN] * 3),
        ("hand_over", handed(1.5, 3000), [LOST, HELD, LOST]),
        ("hand_over", handed(50, 3000), [HELD, LOST, LOST]),
        ("hand_over", handed(2, 3), [LOST, LOST, HELD]),
        ("hand_over", transfer.made(), [OPEN] * 3),  # 1 kB to 100 kB
        ("crash", crashed(), [LOST, HELD, LOST, LOST]),
        ("crash", crashed(others_finished=True), [HELD, LOST, LOST, LOST]),
        ("crash", crashed(told="nothing"), [LOST, LOST, LOST, HELD]),
        ("crash", faults.made(faults.row("segfault", "ProcessPoolExecutor", "not here")), [OPEN] * 4),
        ("choose", advise.made({("threads", 2): (1.0, 1.0)}), [OPEN] * 3),
        ("enough", enough(2.0), [LOST, HELD, LOST]),
        ("enough", enough(3.0), [HELD, LOST, LOST]),
        ("enough", enough(1.2), [LOST, LOST, HELD]),
        ("enough", enough([1.0, 3.0], busy={("processes", 2): 1.9, ("processes", 8): 1.9}), [LOST, HELD, LOST]),
        ("enough", enough([1.0, 3.0]), [OPEN] * 3),
        ("enough", made(TWO), [OPEN] * 3),
        ("echo", answered(5100.0), [LOST, LOST, HELD]),
        ("echo", answered(45.0), [HELD, LOST, LOST]),
        ("echo", answered(45.0, gil=False), [OPEN] * 3),
    ):
        answers = range(len(QUESTIONS[name]["options"]))
        assert marks(name, result, *answers) == held, (name, result.rows[0])


def test_rows_of_something_else():
    """Rows that are not what a bet is about, or lack its case, draw their chart and reveal nothing."""
    bet, shown = bets.bet(CHOICE), []
    bet.commit(0)
    for rows in (made(TWO), made({("threads", 4): 3.0}, task="sha256"), startup.made_startup()):
        bet.met(rows, shown.append, whole=True)
        assert bet.result is None and not bet.ran and bet.mark(rows) == "" and shown[-1] is rows
    assert "run the measurement." in bet.headline


def test_a_late_bet_is_laid_over_the_charts():
    """A commitment draws the newest chart of each place again, which then has the bet."""
    bet, first, second = bets.bet(CHOICE), [], []
    rows, more = HASHED, made({("threads", 2): 1.8}, task="sha256")
    bet.met(more, lambda result: first.append((result, bet.points)))
    bet.met(rows, second_chart := lambda result: second.append((result, bet.points)))
    bet.met(more, second_chart, whole=True)
    del first[:], second[:]
    bet.commit(1)
    assert first == second == [(more, [("threads", 2, 1.0)])]


def test_every_question():
    """A choice has three options or more, each with a reason, one that holds and one that does not; points fit."""
    for name, question in QUESTIONS.items():
        assert question["question"].endswith((".", "?")), name
        options = question["options"]
        assert set(question) - {"measured", "column", "rows"} == {"title", "question", "options"}, name
        assert len(options) >= 3 and {option["holds"] for option in options} == {True, False}, name
        assert len({option["text"] for option in options}) == len(options), name
        for option in options:
            assert set(option) - {"rows"} == {"text", "holds", "points", "reason"}, name
            assert len(option["reason"]) > 40, name
            variants = [point[:2] for point in option["points"]]
            assert variants == [point[:2] for point in options[0]["points"]], name
            for kind, workers, speed in option["points"]:
                assert kind in kit.LOOKS and workers >= 1, name
                speed = machine.machine()[speed] if isinstance(speed, str) else speed
                assert isinstance(speed, (int, float)) and speed > 0, name


def test_bets_and_notebooks_agree():
    """Every bet that a notebook asks for exists, and every bet that exists is asked for in one."""
    source = "\n".join(cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells)
    assert sorted(re.findall(r"lab\.(?:bet|question)\(\"(\w+)\"", source)) == sorted(QUESTIONS)


def test_check():
    """A check says "not yet", "right", or the first requirement that is not met, and raises nothing."""

    @exercises._check
    def check(answer):
        yield answer > 0, "it must be positive <b>."
        yield answer % 2 == 0, "it must be even."

    for answer, words in (
        (..., "Not yet: replace the ..."),
        (2, "✓ Right."),
        (-1, "✗ Not yet: it must be positive &lt;b&gt;."),
        (3, "✗ Not yet: it must be even."),
        ("2", "✗ Not yet: checking it raised TypeError: "),
    ):
        assert words in check(answer)._repr_html_(), answer

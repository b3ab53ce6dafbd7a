"""conc_lab.student.inventory and gain: the questions, what is kept of the answers, the cards, the gain of a class."""

import json

import pytest
from made.inventory import TIMES, answered, made

from conc_lab.engine.errors import LabError
from conc_lab.student.class_results import gain, gather
from conc_lab.student.inventory import DATA, FORMS, ITEMS, KEPT, UNKNOWN, Inventory, load


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A notebook's folder that is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer_all(inventory, letter=None):
    """Answer every question with this letter, or with the right one."""
    for item, one in FORMS[inventory.asked["form"]].items():
        inventory.answer(item, letter or one["holds"])
    return inventory


def test_the_questions():
    """Twelve ideas, each in two forms with four options and "I don't know yet", and another letter right in each."""
    assert len(ITEMS) == len(set(ITEMS)) == 12
    texts = [one[form][part] for one in DATA["items"] for form in "ab" for part in ("question", "reason")]
    assert len(set(texts)) == 48
    for one in DATA["items"]:
        assert one["a"]["holds"] != one["b"]["holds"] and one["a"]["options"] != one["b"]["options"]
    for form in "ab":
        holds = [one["holds"] for one in FORMS[form].values()]
        assert sorted(holds) == sorted("ABCD" * 3)
        for item, one in FORMS[form].items():
            assert list(one["options"]) == [*"ABCD", UNKNOWN], item
            assert len(set(one["options"].values())) == 5 and one["idea"].endswith("."), item
            assert "`" not in "".join(one["options"].values()), item  # radios show it as it is
            assert one["question"].count("`") % 2 == one["reason"].count("`") % 2 == 0, item


def test_answers_are_kept_until_they_are_handed_in():
    """An answer is kept, also for a new kernel, and can be changed; all twelve can be handed in, and then stay."""
    with pytest.raises(LabError, match="a letter from A to D"):
        Inventory("before").answer(ITEMS[0], "E")
    assert not KEPT.exists()
    Inventory("before").answer(ITEMS[0], "A")
    inventory = Inventory("before")
    inventory.answer(ITEMS[0], UNKNOWN)
    assert "1 of 12 answered." in repr(Inventory("before")) and inventory.asked["handed_in"] is None
    with pytest.raises(LabError, match=r"missing: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12$"):
        inventory.hand_in()
    elsewhere = Inventory("before")
    answer_all(inventory).hand_in()
    whole = KEPT.read_bytes()
    for late in (inventory, elsewhere, Inventory("before")):
        with pytest.raises(LabError, match="you handed these answers in, or changed"):
            late.answer(ITEMS[0], "A")
    assert KEPT.read_bytes() == whole and load(KEPT)["before"]["answers"] == inventory.asked["answers"]
    assert set(load(KEPT)) == {"kind", "schema", "code", "before"}  # and nothing personal


BROKEN = {
    "truncated": '{"kind": "conc_lab inventory", ',
    "another's": json.dumps({"nbformat": 4}),
    "schema": json.dumps(made() | {"schema": 2}),
    "code": json.dumps(made(code="Ada Lovelace, London")),
    "form": json.dumps(made() | {"before": answered("a", 3) | {"form": "c"}}),
    "letter": json.dumps(made() | {"after": answered("a", 3) | {"answers": {ITEMS[0]: "E"}}}),
    "answers": json.dumps(made() | {"after": answered("a", 3) | {"answers": {ITEMS[0]: ["A"]}}}),
    "time": json.dumps(made() | {"after": answered("a", 3) | {"handed_in": 1}}),
}


def test_a_broken_file_is_refused_and_stays():
    """A file that is not whole is refused in one sentence, before or after the questions are shown, and stays."""
    shown = Inventory("before")
    KEPT.parent.mkdir()
    for name, text in BROKEN.items():
        KEPT.write_text(text)
        for attempt in (lambda: Inventory("after"), lambda: shown.answer(ITEMS[0], "A")):
            with pytest.raises(
                LabError, match=r"inventory.json is not a complete inventory \(.+\): move it elsewhere$"
            ):
                attempt()
        assert KEPT.read_text() == text, name


def test_forms_are_crossed():
    """The code decides which form comes first, and the other follows, also on another machine; form= overrules it."""
    first = {code: Inventory("before", code).asked["form"] for code in map(str, range(40))}
    assert 10 < list(first.values()).count("b") < 30 and Inventory("before").asked["form"] == "a"
    assert all(Inventory("after", code).asked["form"] != form for code, form in first.items())
    answer_all(Inventory("before", " Owl7 ", form="b")).hand_in()
    assert Inventory("after").asked["form"] == "a" and Inventory("after").code == "owl7"
    for wrong in ({"code": "fox"}, {"form": "a"}):
        with pytest.raises(LabError, match="with code 'owl7' and form 'b'"):
            Inventory("before", **wrong)
    for wrong in (("during",), ("before", "a b"), ("before", "a" * 21), ("before", "", "c")):
        with pytest.raises(LabError, match="'before' or 'after', a code of up to 20 letters and digits, and form"):
            Inventory(*wrong)


def test_the_cards():
    """A choice is kept, a refusal is said; handed in, the questions go, and only then come the reasons."""
    from conc_lab.student.inventory import _cards

    KEPT.parent.mkdir()
    KEPT.write_text(json.dumps(made(before=[ITEMS[0], ITEMS[1]])))
    inventory = Inventory("after")
    _, room, button, last, report = _cards(inventory).children
    radios = [card.children[1] for card in room.children]
    assert [one.description for one in radios] == [f"Question {number}" for number in range(1, 13)]
    button.click()
    assert last.said.startswith("answer all twelve first") and report.value == ""
    for one, (item, asked) in zip(radios, FORMS["b"].items(), strict=True):
        assert report.value == "" and len(one.options) == 5
        one.value = UNKNOWN if item == ITEMS[3] else "C" if item == ITEMS[1] else asked["holds"]
    assert load(KEPT)["after"]["answers"] == inventory.asked["answers"] and "12 of 12 answered" in last.said
    button.click()
    assert room.layout.display == "none" and button.description == "Handed in"
    said = "2 of 12 were right before the course, and 10 are now: +8. "
    said += "Newly right: 3, 5, 6, 7, 8, 9, 10, 11, 12. No longer right: 2."
    assert last.said == repr(inventory) == said
    assert report.value.count("<b>✓ right</b>") == 10 and report.value.count("<b>✗ not right</b>") == 1
    assert "<code>re.findall</code>" in report.value and "Right: B Only Q." in report.value
    before = Inventory("before")
    assert before.reasons() == "" and "handed in" in repr(before)
    radios[0].value = "D"
    assert last.said.startswith("you handed these answers in")


def test_the_gain_of_a_class():
    """The gain is that of the means, with an interval from five students on; where all had all before there is none."""
    pairs = [(answered("a", old), answered("b", new)) for old, new in ((2, 6), (4, 8), (6, 6), (4, 8), (4, 7))]
    five, items = gain(pairs)
    assert "Five students handed in both times. Of 12 were right 4.0 before, 7.0 after; guessing" in five
    assert "The gain is 0.38 of what could still be gained (0.17 to 0.58, with 95 % confidence)." in five
    moved = items.set_index("idea").to_numpy().tolist()
    assert moved[4] == [1, 5, 4, 0] and moved[7] == [0, 2, 2, 0]
    four, _ = gain(pairs[:4])
    assert "So few students say little" in four and "95 %" not in four
    top, items = gain([(answered("a", 12), answered("b", 11))] * 6)
    assert "The gain" not in top and list(items["no longer right"]) == [0] * 11 + [6]
    high, _ = gain([(answered("a", number % 3), answered("b", 12 - number % 2)) for number in range(5)])
    assert " to 1.00, with 95 % confidence)" in high


def test_a_class_is_gathered(folder):
    """Files of one code, or a file with both times, are one student's; what clashes is refused; before comes first."""
    files = {
        "1/inventory.json": made("owl7", before=3),
        "2/inventory (1).json": made("owl7", before=3, after=6),
        "3/inventory.json": made(before=2, after=2),
        "4/inventory.json": made("fox", after=5),
        "5/inventory-evil<b>.json": made("owl7", before=9),
        "6/inventory.json": made("fox", after=5),
        "7/inventory.json": made("hen", before=1) | {"after": answered("b", 5)},
        "8/inventory.json": {"kind": "other"},
        "9/inventory.json": made("late", after=5) | {"before": answered("a", 9, "2026-05-02T08:00:00+00:00")},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(json.dumps(content))
    gathered = gather(folder)
    assert "The gain is 0.16 of what" in gathered.gain[0]  # 1.5 of 9.5
    reasons = {
        "5/inventory-evil<b>.json": "different answers from the same time under the code 'owl7'",
        "6/inventory.json": "the same result as 4/inventory.json",
        "8/inventory.json": "is not a complete inventory (conc_lab did not save it)",
    }
    assert gathered.refused.keys() == reasons.keys() and len(gathered.inventories) == 6
    assert all(reason in gathered.refused[name] for name, reason in reasons.items())
    page = gathered._repr_html_()
    assert "read: 6 of the inventory; refused: 3" in page and "evil&lt;b&gt;" in page and "evil<b>" not in page
    assert "Two students handed in both times." in page and page.count("<tr") == 13 and TIMES["before"] not in page

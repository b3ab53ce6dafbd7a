"""The inventory: twelve questions on the big ideas, asked before the course and again after it.

inventory.json has each question in two forms, "a" and "b": the same situation in another story, so that the second
asking is not the first again. my_work/inventory.json keeps one student's letters, and a code instead of a name.
"""

import json
import re
import zlib
from pathlib import Path

from ..drawing.shell.style import KEYS, marked_up
from ..engine import files
from ..engine.errors import LabError
from ..engine.result import UNREADABLE, now, read

KEPT = Path("my_work/inventory.json")
KIND, SCHEMA = "conc_lab inventory", 1
OTHER = {"before": "after", "after": "before", "a": "b", "b": "a"}
UNKNOWN = "?"  # the letter of "I don't know yet"
CODE = re.compile(r"[\w-]{0,20}")
DATA = json.loads(Path(__file__).with_name("inventory.json").read_text(encoding="utf-8"))
# {form: {id: {"idea", "question", "options" by letter, "holds" (a letter), "reason"}}}
FORMS = {form: {item["id"]: item[form] | {"idea": item["idea"]} for item in DATA["items"]} for form in "ab"}
ITEMS = list(FORMS["a"])
POSSIBLE = {(item, letter) for item in ITEMS for letter in "ABCD" + UNKNOWN}


def right(asked: dict) -> set[str]:
    """The ids of the questions that were answered right; asked: what the file has under "before" or "after"."""
    return {key for key, one in FORMS[asked["form"]].items() if asked["answers"].get(key) == one["holds"]}


def load(path: Path) -> dict:
    """What a file has: {"kind", "schema", "code", "before", "after"}, of the last two those that were begun.

    Each of these is {"form", "handed_in" (the time in UTC, or None), "answers" (letters by id)}. Raises LabError, which
    names the file, for one that is not whole.
    """
    try:
        content = read(path, KIND, (SCHEMA,))
        asked = [content[when] for when in ("before", "after") if when in content]
        times = all(isinstance(one["handed_in"], str | None) for one in asked)
        letters = all(one["form"] in FORMS and one["answers"].items() <= POSSIBLE for one in asked)
        if not (CODE.fullmatch(content["code"]) and times and letters):
            raise ValueError("a code, form, time or letter in it is wrong")
    except UNREADABLE as error:
        raise LabError(f"{path.name} is not a complete inventory ({error}): move it elsewhere") from error
    return content


def _kept():
    """What this student has kept. Raises LabError for a file that is not whole, which so is never written over."""
    return load(KEPT) if KEPT.exists() else {"kind": KIND, "schema": SCHEMA, "code": ""}


class Inventory:
    """The twelve questions as they are asked "before" or "after"; shown as cards while last in a cell.

    code: a pseudonym, by which an instructor finds what belongs together; it also decides who gets which form first,
    so that the forms are crossed in a class. Without it form "a" comes first. form: another one for this time. `asked`
    is what the file has for this time. Answers can be changed until they are handed in, and then stay.
    """

    def __init__(self, when: str, code: str = "", form: str | None = None):
        code, known = str(code).strip().casefold(), when in ("before", "after") and form in (None, "a", "b")
        if not known or not CODE.fullmatch(code):
            raise LabError("give 'before' or 'after', a code of up to 20 letters and digits, and form 'a', 'b' or none")
        kept, other = _kept(), OTHER[when]
        self.when, self.code = when, code or kept["code"]
        first = "ab"[zlib.crc32(self.code.encode()) % 2]
        due = OTHER[kept[other]["form"]] if other in kept else first if when == "before" else OTHER[first]
        self.asked = kept.get(when, {"form": form or due, "handed_in": None, "answers": {}})
        if kept["code"] not in ("", self.code) or form not in (None, self.asked["form"]):
            begun = f"code {kept['code']!r} and form {self.asked['form']!r}"
            raise LabError(f"you began {KEPT.name} with {begun}: leave the new ones out, or move the file elsewhere")

    def answer(self, item: str, letter: str) -> None:
        """Keep an answer, a letter from A to D or "?". Raises LabError where it is none or cannot be kept."""
        if (item, letter) not in POSSIBLE:
            raise LabError(f"an answer is a letter from A to D or {UNKNOWN}")
        self._keep(answers=self.asked["answers"] | {item: letter})

    def hand_in(self) -> None:
        """Make the answers final. Raises LabError where one is missing, or the file cannot be written."""
        if missing := set(ITEMS) - self.asked["answers"].keys():
            raise LabError(f"answer all twelve first; missing: {_numbers(missing)}")
        self._keep(handed_in=now())

    def _keep(self, **changed):
        kept, asked = _kept(), self.asked | changed
        if self.asked["handed_in"] or kept.get(self.when, self.asked) != self.asked:
            raise LabError("you handed these answers in, or changed them in another notebook: run this cell again")
        files.write(KEPT, json.dumps(kept | {"code": self.code, self.when: asked}, indent=1), "your answers")
        self.asked = asked

    def __repr__(self):
        """How many are answered; once they are handed in after the course, how many are right and what has changed."""
        if not self.asked["handed_in"]:
            return f"{len(self.asked['answers'])} of 12 answered. You can change your answers until you hand them in."
        if self.when == "before":
            return "Your twelve answers are handed in. After the course the same ideas come back, with reasons."
        new, before = right(self.asked), _kept().get("before", {"handed_in": None})
        if not before["handed_in"]:
            return f"{len(new)} of 12 are right. There is no first time to compare with."
        old = right(before)
        change = f"{len(old)} of 12 were right before the course, and {len(new)} are now: {len(new) - len(old):+d}."
        return f"{change} Newly right: {_numbers(new - old)}. No longer right: {_numbers(old - new)}."

    def reasons(self) -> str:
        """Every question with its answer and reason, folded, as HTML; "" as long as these must not be seen."""
        if self.when == "before" or not self.asked["handed_in"]:
            return ""
        rows = ""
        for item, one in FORMS[self.asked["form"]].items():
            mine, holds = self.asked["answers"].get(item, UNKNOWN), one["holds"]
            mark = "✓ right" if mine == holds else "? not known yet" if mine == UNKNOWN else "✗ not right"
            answers = (f"{letter} {one['options'][letter]}" for letter in (mine, holds))
            texts = map(marked_up, (one["idea"], one["question"], *answers, one["reason"]))
            rows += DATA["told"].format(KEYS, mark, *texts)
        return f'<ol class="conc-lab">{rows}</ol>'

    def _repr_mimebundle_(self, **how):
        words = {"text/plain": repr(self), "text/html": f"<p>{self!r}</p>{self.reasons()}"}  # without widgets
        return _cards(self)._repr_mimebundle_(**how) | words


inventory = Inventory  # conc_lab's public name


def _numbers(items):
    return ", ".join(str(number) for number, item in enumerate(ITEMS, 1) if item in items) or "none"


def _cards(inventory):
    import ipywidgets as widgets

    from ..drawing.shell.shell import Shell, button

    def act(change=lambda: None, *given):
        """Make the change, if there is one, and show what is kept then; or say why it cannot be made."""
        try:
            change(*given)
        except LabError as error:
            return shell.say(f"{error}.")
        over = inventory.asked["handed_in"]
        room.layout.display = "none" if over else None
        report.value, hand_in.description = inventory.reasons(), "Handed in" if over else "Hand in"
        shell.say(repr(inventory))

    def card(number, item, one):
        text = widgets.HTML(f"<b>Question {number} of 12.</b> {marked_up(one['question'])}")
        options = [(f"{letter}. {text}", letter) for letter, text in one["options"].items()]
        options[-1] = one["options"][UNKNOWN], UNKNOWN
        chosen = inventory.asked["answers"].get(item)
        radios = widgets.RadioButtons(options=options, value=chosen, description=f"Question {number}")
        radios.observe(lambda event: act(inventory.answer, item, event.new), "value")
        return widgets.VBox([text, radios]).add_class("conc-lab-question")

    report, shell = widgets.HTML(), Shell(name="The twelve questions")
    hand_in = button("Hand in", lambda _: act(inventory.hand_in), button_style="primary")
    cards = [card(number, *one) for number, one in enumerate(FORMS[inventory.asked["form"]].items(), 1)]
    room = widgets.VBox(cards, layout={"max_height": "560px", "overflow": "auto"})
    shell.show([widgets.HTML(DATA["holds_for"]), room, hand_in, shell.status, report])
    act()
    return shell

"""Made answers to the inventory."""

from conc_lab.student.inventory import FORMS, ITEMS, KIND, OTHER, SCHEMA

TIMES = {"before": "2026-03-01T08:00:00+00:00", "after": "2026-05-01T08:00:00+00:00"}


def answered(form, right, handed_in=None):
    """What a file has for one time; right: how many of the first questions, or which, are answered right."""
    right = ITEMS[:right] if isinstance(right, int) else right
    wrong = {item: next(letter for letter in "AB" if letter != one["holds"]) for item, one in FORMS[form].items()}
    answers = wrong | {item: FORMS[form][item]["holds"] for item in right}
    return {"form": form, "handed_in": handed_in, "answers": answers}


def made(code="", form="a", **right):
    """A whole file; right: before=3, after=5, those that were handed in, in this form and in the other one."""
    forms = {"before": form, "after": OTHER[form]}
    times = {when: answered(forms[when], number, TIMES[when]) for when, number in right.items()}
    return {"kind": KIND, "schema": SCHEMA, "code": code} | times

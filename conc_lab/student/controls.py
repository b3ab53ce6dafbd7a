"""A panel's controls, one for each parameter of an experiment. What is typed stays as it is: nothing is clamped."""

from collections.abc import Callable
from itertools import compress

import ipywidgets as widgets

from ..drawing.words import option, parameter
from ..engine import kinds, parameters, pythons
from ..engine.tasks import OWN, TASKS

WIDE = {"description_width": "12em"}
USUAL = {"workers": (1, 2, 4, 8)}  # numbers that have a chip, besides those of the default


def control(item, experiment: str, value, on_change: Callable, facts=None) -> tuple[widgets.Widget, Callable]:
    """(the widget that shows a parameter of an experiment with this value, a function that reads its value, unchecked).

    on_change is called after each change of the value; of what is typed, when its field is left. facts: those of the
    Python whose kinds of worker are offered.
    """
    kind, title = item.annotation, parameter(item.name, experiment)
    look = {"description": title, "tooltip": kind.help, "style": WIDE}
    match kind:
        case parameters.Several():
            return _several(item, value, title, on_change, facts)
        case parameters.TaskName():
            box, choice = _task(kind.options(), kind.check(item.name, value), look)
        case parameters.OneOf():
            options = [(option(item.name, each), each) for each in kind.options()]
            box = choice = widgets.Dropdown(options=options, value=value, **look)
        case _:
            box = choice = _field(value, **look)
    choice.observe(on_change, "value")
    return box, lambda: parameters.parsed(choice.value) if box.has_trait("placeholder") else choice.value


def python_choice(python) -> widgets.Dropdown:
    """The choice of the Python that runs an experiment; hidden where there is one only."""
    value = str(python or next(iter(pythons.found())))
    names = list(dict.fromkeys([*pythons.found(), value]))
    layout = {"display": "" if names[1:] else "none"}
    return widgets.Dropdown(options=names, value=value, description="Python", style=WIDE, layout=layout)


def _several(item, value, title, on_change, facts):
    """A chip for each option; for each kind of worker that this machine has; a field for numbers that have no chip."""
    kind, fields = item.annotation.of, []
    chosen = value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    if isinstance(kind, parameters.Number):
        options = sorted({*item.default, *USUAL.get(item.name, ())})
        others = " ".join(str(number) for number in chosen if number not in options)
        fields = [_field(others, description="others", placeholder="such as 3 6")]
    else:
        options = kinds.here(kind.options(), facts)
    chips = [widgets.Checkbox(one in chosen, description=option(item.name, one), indent=False) for one in options]
    row = widgets.HBox([widgets.HTML(f"<span>{title}</span>"), widgets.HBox([*chips, *fields])])
    row.add_class("conc-lab-row")
    for each in (*chips, *fields):
        each.observe(on_change, "value")

    def read():
        typed = [word for field in fields for word in field.value.replace(",", " ").split()]
        found = [*compress(options, [chip.value for chip in chips]), *map(parameters.parsed, typed)]
        return sorted(found, key=lambda value: (isinstance(value, str), value)) if fields else found

    return row, read


def _task(names, value, look):
    """The type of the task, which narrows the list of tasks, and that list."""
    tasks = {}
    for name in dict.fromkeys([*names, value]):
        task = TASKS.get(name)
        tasks.setdefault(task.nature if task else OWN, {})[option("task", name)] = name
    (nature,) = [nature for nature, names in tasks.items() if value in names.values()]
    type_look = look | {"description": "Type of task", "orientation": "horizontal"}
    types = widgets.RadioButtons(options=[*tasks], value=nature, **type_look)
    choice = widgets.Dropdown(options=[*tasks[nature].items()], value=value, **look)
    types.observe(lambda change: setattr(choice, "options", [*tasks[change.new].items()]), "value")
    return widgets.VBox([types, choice]), choice


def _field(value, **look):
    return widgets.Text(str(value), continuous_update=False, **look).add_class("conc-lab-field")

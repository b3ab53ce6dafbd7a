"""The shell around a group of controls: its name, its keys, its focus, and one line that a screen reader announces."""

from collections.abc import Callable
from pathlib import Path

import anywidget
import ipywidgets as widgets
import traitlets

from .style import CSS


def button(label: str, do: Callable, **look) -> widgets.Button:
    """A button that does this, a function of itself, when it is pressed."""
    made = widgets.Button(description=label, **look)
    made.on_click(do)
    return made


class Status(anywidget.AnyWidget):
    """The line of a shell; in the page it looks after the whole group."""

    _esm, _css = Path(__file__).with_name("shell.js"), CSS
    name, group, said, tone = (traitlets.Unicode().tag(sync=True) for _ in range(4))
    at_once = traitlets.Dict().tag(sync=True)


class Shell(widgets.VBox):
    """A group of controls, called `name` by a screen reader. No key that is pressed in it edits the notebook.

    `status` is its line: put it among the children, else it comes last. `default` is the button that Enter presses in
    the group's fields and radios. at_once: by a button's label, what the page says as soon as it is pressed, before the
    kernel has heard of it; a second press that can only be meant for the label before (a double click) is dropped, so
    the kernel must answer each press with something new to say. A press waits until the kernel has every change of the
    group; only a button of the style "danger" stops at any time.
    """

    def __init__(self, children=(), name: str = "", default: widgets.Button | None = None, at_once=(), **how):
        self.status = Status(name=name, at_once=dict(at_once))
        super().__init__(**how)
        self.status.group = self.model_id
        self.add_class("conc-lab-shell")
        self.add_class(f"conc-lab-{type(self).__name__.lower()}")  # for its looks
        if default:
            default.add_class("conc-lab-default")
        self.show(children)

    def show(self, children) -> None:
        """Have these children, and the line."""
        self.children = [*children, *([] if self.status in children else [self.status])]

    def say(self, text: str, tone: str = "") -> None:
        """Show the text in the line, in place of what it said before; tone: "good", "bad", "warn" or none."""
        self.status.tone, self.status.said = tone, text

    def focus(self, control: widgets.DOMWidget) -> None:
        """Give the focus to a control of the group, if it is nowhere or in the group."""
        name = f"conc-lab-control-{control.model_id}"
        control.add_class(name)
        self.status.send({"focus": name})

"""The looks and the folds of our own HTML on the page: colours by JupyterLab's theme, keys that stay in the output."""

import html
import re
from pathlib import Path

CSS = Path(__file__).with_name("shell.css")
STYLE = f"<style>{CSS.read_text(encoding='utf-8')}</style>"  # for outputs that are not widgets

# An attribute of whatever HTML of ours can have the focus. JupyterLab looks for it there, and only there: without it
# `d d` on a summary deletes the cell. In a `Shell` every element gets it by itself.
KEYS = "data-lm-suppress-shortcuts"


def folded(title: str, content: str, opened: bool = False) -> str:
    """HTML that is folded under its title, a text; no key that is pressed on the title edits the notebook."""
    return f"<details{' open' * opened}><summary {KEYS}>{html.escape(title)}</summary>{content}</details>"


def marked_up(text: str) -> str:
    """A text as HTML, with what stands between `these` as code."""
    return re.sub("`(.*?)`", r"<code>\1</code>", html.escape(text))


def scrolling(content: str, name: str) -> str:
    """HTML that scrolls where it has no room, also by keyboard; a screen reader calls it by its name."""
    return f'<div class="conc-lab-scrolling" role="group" aria-label="{name}" tabindex="0" {KEYS}>{content}</div>'

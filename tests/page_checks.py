"""What is looked for in what we show on a page: what axe finds, and keys that JupyterLab takes from our controls."""

import re

from axe_playwright_python.base import AXE_SCRIPT
from lab_page import LOAD_S

# An HTML output or widgets; a bare table of pandas', a traceback and what was printed are not ours.
HTML = '[data-mime-type="text/html"]:not(:has(> div > table.dataframe))'
OURS = f".jp-OutputArea-output:is({HTML}, :has(.jupyter-widgets))"
# axe takes for hidden, and says nothing of the contrast of, what is outside <body>, which has no height in JupyterLab,
# what was scrolled into view, and what is behind JupyterLab's splash while a theme is loaded.
BODY = "body { height: 100vh }"
TALL = "() => document.querySelector('.jp-WindowedPanel-viewport').getBoundingClientRect().height + 300"
ALL_SHOWN = """() => {
  const all = document.querySelector('.jp-WindowedPanel-outer'), cells = [...document.querySelectorAll('.jp-Cell')];
  all.scrollTo(0, 0);
  return !document.querySelector('#jupyterlab-splash') && all.scrollTop === 0
    && cells.at(-1).getBoundingClientRect().bottom <= all.getBoundingClientRect().bottom;
}"""
UNFOLD = "() => document.querySelectorAll('.jp-Notebook details').forEach(fold => { fold.open = true; })"
THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
HAS_THEME = "theme => document.body.dataset.jpThemeName === theme"
AXE = """async ours => {
  const {violations, passes} = await axe.run({include: [ours]}, {resultTypes: ['violations', 'passes']});
  const told = violations.flatMap(({id, nodes}) => nodes.map(node => [id, node.html.slice(0, 150),
    [...node.any, ...node.all, ...node.none].map(check => check.message).join('; ')]));
  const texts = passes.filter(({id}) => id === 'color-contrast').flatMap(({nodes}) => nodes).length;
  return [told, texts];
}"""
UNDO = ("Ctrl Z", "Ctrl Shift Z")  # with these the browser itself goes to the field that was typed in last
THEMES = ("JupyterLab Light", "JupyterLab Dark")

# By its cell and its kind, each control that the keyboard can reach.
CONTROLS = """ours => {
  const found = {};
  document.querySelectorAll('.jp-Notebook .jp-Cell').forEach((cell, index) => {
    for (const output of cell.querySelectorAll(ours))
      for (const element of output.querySelectorAll('*'))
        if (element.tabIndex >= 0 && !element.disabled && element.checkVisibility()) {
          const kind = [element.localName, element.type ?? '', element.getAttribute('role') ?? ''].join(' ').trim();
          found[`cell ${index}: ${kind}`] ??= element;
        }
  });
  window.ours = found;
  return Object.keys(found);
}"""
# What must stay as it is; the focus is then put back on the control, found anew where it was replaced.
STATE = """([ours, name]) => {
  const controls = CONTROLS;
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const cells = notebook.widgets.map(({model}) => [model.id, model.type, model.sharedModel.getSource(),
    model.executionCount ?? null]);
  const found = {cells, active: notebook.activeCellIndex, mode: notebook.mode,
    selected: notebook.selectedCells.map(cell => cell.model.id),
    dialogs: document.querySelectorAll('.jp-Dialog').length};
  if (!window.ours[name]?.isConnected) controls(ours);
  window.ours[name]?.focus();
  return found;
}""".replace("CONTROLS", CONTROLS)
# The keys of every command that JupyterLab has for a focused cell in command mode.
COMMAND_KEYS = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content, inside = [];
  notebook.activeCell.node.focus();
  for (let node = notebook.activeCell.node; node !== notebook.node.parentElement; node = node.parentElement)
    inside.push(node);
  const bound = window.jupyterapp.commands.keyBindings.filter(
    binding => inside.some(node => node.matches(binding.selector)));
  return [...new Map(bound.map(({keys}) => [keys.join(), [...keys]])).values()];
}"""


def axe_finds(notebook):
    """What axe finds wrong with our outputs, every fold open, in both themes, one of which stays: sorted sentences.

    Also how many texts' contrast was looked at, in the theme where they were fewest.
    """
    page, before = notebook.page, notebook.page.viewport_size
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
        page.add_style_tag(content=BODY)
    page.evaluate(UNFOLD)
    page.set_viewport_size({"width": before["width"], "height": int(page.evaluate(TALL))})
    found, texts = set(), []
    try:
        for theme in sorted(THEMES, key=lambda theme: not page.evaluate(HAS_THEME, theme)):  # to change takes 0.5 s
            if not page.evaluate(HAS_THEME, theme):
                page.evaluate(THEME, theme)
            page.wait_for_function(HAS_THEME, arg=theme, timeout=LOAD_S * 1000)
            page.wait_for_function(ALL_SHOWN, timeout=LOAD_S * 1000)
            told, looked_at = page.evaluate(AXE, OURS)
            found |= {f"{theme}: {': '.join(one)}" for one in told}
            texts.append(looked_at)
    finally:
        page.set_viewport_size(before)
    return sorted(found), min(texts)


def keys_of(page):
    """Every key, or keys one after the other, that JupyterLab knows in command mode; those of Enter come last."""
    found = page.evaluate(COMMAND_KEYS)
    return sorted(found, key=lambda keys: ("Enter" in keys[0], keys))


def pressed(page, key):
    """Press what JupyterLab calls "Ctrl Shift M" or "0"."""
    *modifiers, last = key.split(" ")
    names = {"Accel": "ControlOrMeta", "Cmd": "Meta", "Ctrl": "Control"}
    last = f"Key{last}" if re.fullmatch("[A-Z]", last) else last
    page.keyboard.press("+".join([*(names.get(word, word) for word in modifiers), last]))


def changed_by_keys(page, all_keys):
    """Which of these keys, pressed in one control of ours of each kind and cell, changes the notebook: sentences."""
    found = []
    for name in page.evaluate(CONTROLS, OURS):
        before = page.evaluate(STATE, [OURS, name])
        before = page.evaluate(STATE, [OURS, name])  # with the focus there
        for keys in all_keys:
            for key in keys:
                pressed(page, key)
            if (after := page.evaluate(STATE, [OURS, name])) != before:
                what = [key for key in before if before[key] != after[key]]
                if keys[0] in UNDO and "cells" not in what:
                    before = page.evaluate(STATE, [OURS, name])
                    continue
                found.append(f"{name}: {', '.join(keys)} changes {', '.join(what)}")
                page.keyboard.press("Escape")  # a dialog, for the next control
                break
    return found

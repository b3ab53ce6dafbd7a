"""The looks of our own HTML on the page: colours by JupyterLab's theme, with names that every output can use."""

from pathlib import Path

CSS = Path(__file__).with_name("shell.css")
STYLE = f"<style>{CSS.read_text(encoding='utf-8')}</style>"  # for outputs that are not widgets

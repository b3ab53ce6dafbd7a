"""How figures and names are said in words: numbers with units, lists, kinds of worker, sentences."""

import json
from pathlib import Path

from ..engine.tasks import TASKS

TEXTS = json.loads(Path(__file__).with_name("words.json").read_text(encoding="utf-8"))  # of names in code
ONE, NUMBERS = TEXTS["one"], TEXTS["numbers"]


def sentence(*texts):
    """Each text with a capital and a full stop."""
    return " ".join(f"{text if text.startswith('macOS') else text[0].upper() + text[1:]}." for text in texts)


def listed(things):
    """Things as a list in a sentence: a, b and c."""
    *most, last = things
    return f"{', '.join(most)} and {last}" if most else last


def digits(value, number=2):
    """A number in so many digits, its thousands set apart: 0.83, 4.1, 1,400."""
    return f"{float(f'{value:.{number}g}'):,g}"


def times(value):
    """A ratio with as many digits as rounds of it agree on: 0.98×, 1.86×, 14×."""
    return f"{value:.2f}×" if value < 10 else f"{value:.0f}×"


def ranged(values, say=lambda value: digits(value, 3)):
    """The median of a Series with its least and greatest value, in words."""
    return between(values.min(), values.median(), values.max(), say)


def between(low, middle, high, say=lambda value: digits(value, 3)):
    """A value with its range, in words."""
    low, middle, high = say(low), say(middle), say(high)
    return f"{middle} (in every round)" if low == high else f"{middle} ({low} to {high})"


def duration(seconds):
    """Seconds in the unit that fits: with two digits or none behind the point, from a second on with three digits."""
    if seconds >= 0.9995:
        return f"{digits(seconds, 3)} s"
    value, unit = (1e3 * seconds, "ms") if seconds >= 0.0009995 else (1e6 * seconds, "µs")
    return f"{value:.0f} {unit}" if value >= 9.95 else f"{value:.2g} {unit}"


def size(count):
    """Bytes as kilobytes or megabytes, of a thousand and a million bytes."""
    return f"{count / 1e6:g} MB" if count >= 1e6 else f"{count / 1e3:g} kB"


def name(kind, workers):
    """How many workers of a kind, in words: "1 thread", "4 processes", "2 forked processes", "serial"."""
    one = ONE.get(kind, kind)
    return kind if kind == "serial" else f"{workers} {one if workers == 1 else one + ('es' if one[-1] == 's' else 's')}"


def one(kind):
    """One worker of a kind, or of an API, with its article: "a thread", "an interpreter", "a Pool"."""
    word = ONE.get(kind, kind)
    return f"{'an' if word[0] in 'aiI' else 'a'} {word}"


def python(facts: dict) -> str:
    """The version of a machine's Python, and what became of its GIL where it is free-threaded."""
    free = ", free-threaded, but with its GIL on" * bool(facts.get("free_threaded"))
    return facts["python"] + (free if facts["gil"] else " without the GIL")


def count(number, what):
    """A number up to twelve as a word, with its noun in the singular or plural."""
    word = NUMBERS[number - 1] if number in range(1, len(NUMBERS) + 1) else f"{number:g}"
    return f"{word} {what}{'' if number == 1 else 's'}"


def rounds(result):
    """How many rounds a result has, in words."""
    return count(result.frame["round"].nunique(), "round")


def label(kind, result):
    """A kind of worker in a legend: processes with their start method, "processes (spawn)"."""
    return option("kinds", result.processes or kind if kind == "processes" else kind)


def parameter(name, experiment):
    """A parameter of an experiment as a control calls it: "Length of a task, ms" for task_ms."""
    return TEXTS["parameters"].get(f"{experiment}.{name}") or TEXTS["parameters"].get(name, name)


def option(parameter, value):
    """A value of a parameter as a control calls it: "processes (spawn)" for spawn, "sleep (a timer)" for sleep."""
    task = TASKS.get(value)
    return f"{value} ({task.what})" if task else TEXTS["options"].get(parameter, {}).get(value, str(value))


def setting(name, value, experiment):
    """A parameter and its value, or values, in one phrase: "Workers: 1, 2"."""
    said = ", ".join(option(name, each) for each in (value if isinstance(value, list) else [value]))
    return f"{parameter(name, experiment)}: {said}"


def items(number):
    """A number of items with its noun: "1 item", "10,000 items"."""
    return f"{number:,} item{'' if number == 1 else 's'}"


def table(frame):
    """A DataFrame of texts as sentences, one a line, without the signs before the texts."""
    lines = []
    for name, cells in frame.iterrows():
        said = ", ".join(f"{column}: {cell.lstrip('✓✗– ')}" for column, cell in cells.items() if cell)
        lines.append(f"{name.strip()} – {said}" if said else name)
    return sentence(*lines)

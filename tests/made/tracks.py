"""A track of the player made by hand: two threads that pass the lock once."""

from conc_lab.drawing.player.player import Track

MODEL = Track(
    "two threads",
    [("thread 1", "threads"), ("thread 2", "threads")],
    [(0, 0, 5, "runs", 1, 0, 0), (1, 0, 5, "lock", 0, None, None), (1, 5, 10, "runs", 1, 1, 1)],
    modelled=True,
    lock=[(0, 0, 5), (1, 5, 10)],
)

"""Echoes made by hand: known figures, so that a sentence can be held to them."""

from made.pingpong import at, result, trip

ECHO = {
    ("none", 0, None): 40.0,
    ("threads", 1, 5000): 5100.0,
    ("threads", 1, 10): 120.0,
    ("threads", 2, 5000): 8000.0,
    ("threads", 2, 10): 130.0,
    ("processes", 1, None): 41.0,
    ("processes", 2, None): 42.0,
}


def made(values=ECHO, *, rounds=5, **how):
    """values: {(kind, workers, interval_us): round trip}."""
    rows = [
        {"round": number} | dict(zip(("kind", "workers", "interval_us"), key, strict=True)) | trip(at(value, number))
        for number in range(rounds)
        for key, value in values.items()
    ]
    return result("echo", rows, intervals_us=[5000, 10], **how)

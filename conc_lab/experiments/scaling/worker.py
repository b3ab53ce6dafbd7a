"""What one worker of a job does before the others can begin."""


def in_turn(function, args, times):
    """The values of so many calls, one after the other."""
    return [function(*args) for _ in range(times)]

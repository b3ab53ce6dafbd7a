"""What a thread does with a list, its own or that of all threads, many times over."""

ITEMS = 100  # so many that a list does not grow or shrink while items come and go


def append(shared, times):
    """Append to the list and pop the item; the number of times."""
    items = shared or made()
    for _ in range(times):
        items.append(None)
        items.pop()
    return times


def read(shared, times):
    """Look at the first item of the list, which counts a reference to it and takes it back; the number of times."""
    items = shared or made()
    for _ in range(times):
        item = items[0]
    return times if item is items[0] else 0


def made():
    """A list, with an object of its own in it."""
    return [object()] * ITEMS

"""How every file of ours is written: whole, or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path

from .errors import LabError


def write(path: str | os.PathLike, content: str | bytes, what: str) -> Path:
    """Write the file by way of a temporary one beside it, which then replaces it; the path.

    Raises LabError, in which `what` names the thing, where the file cannot be written; an earlier file then stays.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".part", dir=path.parent)
        with open(descriptor, "wb") as file:
            file.write(data)
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except OSError as error:
        raise LabError(f"{what} could not be written to {path}: {error.strerror}") from error
    finally:
        if part:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
    return path


def _umask():
    """This process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

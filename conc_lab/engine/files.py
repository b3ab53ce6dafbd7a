"""How every file of ours is written: whole, or not at all."""

import contextlib
import os
import secrets
from pathlib import Path

from .errors import LabError


def write(path: str | os.PathLike, content: str | bytes | None, what: str) -> Path:
    """Write the file by way of a temporary one next to it, which then replaces it; the path.

    Raises LabError, in which `what` names the thing, where the file cannot be written; an earlier file then stays.
    None as its content tries this only: the folder is made, and no file.
    """
    path = Path(path).expanduser()
    if path.exists() and not path.is_file():  # a device would be replaced
        raise LabError(f"{what} could not be written to {path}: something that is not a file has this name")
    part = path.parent / f".{path.name}-{secrets.token_hex(4)}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "xb") as file:  # with the permissions of any new file, by the umask
            file.write(content.encode() if isinstance(content, str) else content or b"")
        if content is not None:
            os.replace(part, path)
    except OSError as error:
        raise LabError(f"{what} could not be written to {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return path

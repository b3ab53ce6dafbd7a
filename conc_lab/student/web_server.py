"""A web server for the lessons' downloads, in a process of its own that ends with this one."""

import subprocess
from functools import cache

from ..engine import helper, session

_running = []  # a program whose pipe this process drops is ended


@cache
def web_server() -> str:
    """Start the server, once, and return its address, such as "127.0.0.1:49152": GET /20 is answered after 20 ms."""
    pipes = {"stdin": subprocess.PIPE, "env": session.environment(), "start_new_session": True}  # Ctrl-C is not for it
    _running.append(helper.start("engine.http_server", **pipes))
    return f"127.0.0.1:{helper.heard(_running[-1], 'the web server')}"

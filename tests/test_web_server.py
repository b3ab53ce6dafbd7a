"""The loopback server of the lessons' downloads."""

import subprocess
import sys
from http.client import HTTPConnection

import psutil
from helpers import LIVENESS_S

PROGRAM = """
import conc_lab as lab
from conc_lab.student import web_server
assert lab.web_server() == lab.web_server()
print(lab.web_server(), web_server._running[0].pid, flush=True)
input()
"""


def test_it_answers_until_its_program_is_gone():
    """One server answers all the time that the program which started it lives, and ends when that is killed."""
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", PROGRAM], text=True, **pipes) as program:
        address, pid = program.stdout.readline().split()
        server = psutil.Process(int(pid))
        for _ in range(2):
            connection = HTTPConnection(address, timeout=LIVENESS_S)
            connection.request("GET", "/1")
            assert connection.getresponse().read() == b"waited 1 ms"
        program.kill()
    server.wait(LIVENESS_S)

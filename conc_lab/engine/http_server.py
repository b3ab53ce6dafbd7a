"""A loopback HTTP server with a set latency, in a process of its own so that clients do not share its GIL."""

import asyncio
import sys


async def _answer(reader, writer):
    request = await reader.readuntil(b"\r\n\r\n")
    milliseconds = float(request.split()[1].lstrip(b"/"))
    await asyncio.sleep(milliseconds / 1000)
    writer.write(b"HTTP/1.0 200 OK\r\n\r\nwaited %g ms" % milliseconds)
    writer.close()


async def _serve():
    # The backlog is ample: a full accept queue would add seconds of TCP retries to a client's wait.
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def main():
    """Print the port, then answer GET /<milliseconds> until stdin is closed: no server outlives who started it."""
    asyncio.run(_serve())

"""A web server on this computer that follows a plan of misbehaviour, one step for each request."""

import http.server
import os
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import children

import afm_numpy


def serve(handler, content, start):
    """As it should be: a range when asked for one."""
    headers(handler, content, start)
    handler.wfile.write(content[start:])


def headers(handler, content, start):
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()


def cut(size, reset=False):
    """Announce everything, send `size` bytes, close the connection (or reset it)."""

    def step(handler, content, start):
        headers(handler, content, start)
        handler.wfile.write(content[start : start + size])
        handler.wfile.flush()
        if reset:
            time.sleep(0.1)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()

    return step


def stall(size, seconds):
    """Send `size` bytes and then nothing for a while."""

    def step(handler, content, start):
        cut(size)(handler, content, start)
        time.sleep(seconds)

    return step


def drip(seconds, pieces=30):
    """Send everything, slowly."""

    def step(handler, content, start):
        headers(handler, content, start)
        for lo in range(start, len(content), len(content) // pieces):
            handler.wfile.write(content[lo : min(lo + len(content) // pieces, len(content))])
            time.sleep(seconds / pieces)

    return step


def ignore_range(handler, content, start):
    serve(handler, content, 0)


def wrong_bytes(handler, content, start):
    serve(handler, bytes(len(content)), start)


def wrong_range(handler, content, start):
    serve(handler, content, start - 1)


def without_length(handler, content, start):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(content)


def status(code):
    return lambda handler, content, start: handler.send_error(code)


@contextmanager
def running(contents, plan=()):
    """Serve {path: bytes}. Yields the base URL and the list of requests so far, pairs (path, first byte)."""
    plan, requests = list(plan), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range", "bytes=0-")
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            requests.append((self.path, start))
            step = plan.pop(0) if plan else serve
            try:
                if self.path not in contents:
                    self.send_error(404)
                elif start >= len(contents[self.path]) and step is serve:
                    self.send_error(416)
                else:
                    step(self, contents[self.path], start)
            except ConnectionError:
                pass                                                           # the client went away
            self.close_connection = True

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def start_python(code, *args):
    """A Python process that has the package, and no proxy between it and the server."""
    env = {**os.environ, "PYTHONPATH": str(Path(afm_numpy.__file__).parents[1]), "no_proxy": "*"}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, args)]
    return children.start(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

"""Processes that tests start: they hear Ctrl-C even if the tests' own process does not, and none outlives its test."""

import os
import signal
import subprocess
from contextlib import suppress

LIVE = []


def start(command, **options):
    """A process in a group of its own.

    A shell that runs the tests in the background ignores SIGINT, and a process inherits that. A signal that is handled
    here is not inherited.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(command, start_new_session=True, **options)
    finally:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    LIVE.append(process)
    return process


def stop():
    """Kill what is left of every process that was started, with the processes that it started itself."""
    while LIVE:
        process = LIVE.pop()
        with suppress(OSError, AttributeError):              # the group is gone, or groups are not known here
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()

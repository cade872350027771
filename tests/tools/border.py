"""What the fuzz tests share: how many examples they draw, and what may come out of a border.

A border is where something from outside comes in: a file, an array, a command line. Whatever that is, the answer is
right, or it is one of the errors that the documentation names, with a message of one line in our own words. There is
no other error, no warning, no file left behind, and no waiting.
"""

import os
import re
import signal
import tempfile
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SECONDS = 20  # an answer takes milliseconds; this is for a machine that is busy
LONGEST = 600  # characters of a message
RAW = re.compile(
    "object is not|object has no|not subscriptable|not iterable|unsupported operand|unhashable|list index out of|"
    "positional argument|unexpected keyword|KeyError|IndexError|TypeError|AttributeError|'NoneType'|^'.*'$| at 0x"
)  # what Python says when nobody has thought of it


def drawn(count):
    """Settings of a fuzz test: `count` examples, the same in every run; many more, and new ones, in the long mode.

    The profile "long" of conftest.py sets how many more: python -m pytest tests/fuzz --hypothesis-profile=long
    """
    more = settings().max_examples / 100
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(max_examples=round(count * more), suppress_health_check=slow)


def mostly(usual, odd, times=20):
    """A strategy that draws from `odd` once in a while: else no example of several parts would be a right one."""
    return st.integers(0, times).flatmap(lambda number: odd if number == times else usual)


class Refused(NamedTuple):
    """A documented error."""

    message: str
    error: Exception


class Hang(BaseException):
    """Not an Exception, so that nobody catches it."""


@contextmanager
def time_limit(seconds):
    """Raise `Hang` after so many seconds, where the system has the signal for it."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_):
        raise Hang(f"no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def answer(call, *documented):
    """What `call()` returns, or `Refused` when it raises one of the documented errors; nothing else passes.

    NumPy's floating point errors are warnings here, as for a user, and no warning may be heard.
    """
    with warnings.catch_warnings(record=True) as heard, np.errstate(all="warn", under="ignore"), time_limit(SECONDS):
        warnings.simplefilter("always")
        try:
            result = call()
        except documented as error:
            result = Refused(str(error), error)
            check_message(result.message)
    assert not heard, f"a warning: {heard[0].message}"
    return result


def check_message(message):
    """One line, in our own words."""
    assert len(message.splitlines()) == 1 and message.isprintable(), repr(message)
    assert 10 <= len(message) <= LONGEST, message
    assert not RAW.search(message), message


@contextmanager
def folder(*allowed):
    """A new folder, in which nothing but files of these names may be left at the end."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)
        left = set(os.listdir(path)) - set(allowed)
        assert not left, f"left behind: {left}"

"""A pytest plugin: a case that hangs fails, with the place where it hung; the run goes on to say so."""

import os
import signal

import pytest

SECONDS = 7200 if os.environ.get("WHERRY_SOAK") == "1" else 400


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield from limited("its set-up")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    yield from limited("the case")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    yield from limited("its tear-down")


def limited(what):
    def ended(_signal, _frame):
        pytest.fail(f"{what} took more than {SECONDS} s")  # no `except Exception` takes it
    before = signal.signal(signal.SIGALRM, ended)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)

"""Waiting for what other threads and processes do."""

import time

SECONDS_MAX = 30
POLL_SECONDS = 0.01


def until(is_so, told=lambda: ""):
    """Ask again and again until something is so; after too long fail with what is `told` then."""
    deadline = time.monotonic() + SECONDS_MAX  # noqa: TID251 - others run on a real clock
    while not is_so():
        assert time.monotonic() < deadline, told()  # noqa: TID251
        time.sleep(POLL_SECONDS)

"""python -m server, and the command rustydb."""

import gc
import sys

from server import lazy_dataclasses


def run() -> int:
    """Run the server; gives the exit code."""
    # What is imported stays: looking for garbage among it would take a seventh of the start.
    gc.disable()
    lazy_dataclasses.install()
    from server.main import main

    gc.freeze()
    gc.enable()
    return main()


if __name__ == "__main__":
    sys.exit(run())

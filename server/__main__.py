"""python -m server, and the command rustydb."""

import gc
import os
import sys
from contextlib import suppress

from server.native import Libraries, use_huge_pages
from server.start_image import start_image


def run() -> int:
    """Run the server; gives the exit code."""
    # What is imported stays: looking for garbage among it would take a seventh of the start. `Remainder` looks again.
    gc.disable()
    leave_session()
    use_huge_pages()
    image = start_image()
    image.install()
    from server import lazy_dataclasses, side_doors

    side_doors.install()
    libraries = Libraries(image.libraries())  # after what is set in the environment for them
    try:
        lazy_dataclasses.install()
        from server.main import main, tune_memory

        tune_memory()
        return main(left=image.rest(), ahead=image.ahead())
    finally:
        libraries.wait()
        image.end()


def leave_session() -> None:
    """Be a session of the system's, as each backend of PostgreSQL is, unless somebody looks on at a terminal.

    Linux gives sessions equal parts of a processor (sched(7), autogroups); in its clients' one it would share theirs.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        with suppress(
            PermissionError
        ):  # it leads its group of processes, as one under a service manager does
            os.setsid()


if __name__ == "__main__":
    sys.exit(run())

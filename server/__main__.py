"""python -m server, and the command rustydb."""

import gc
import sys

from server.native import use_huge_pages
from server.start_image import start_image


def run() -> int:
    """Run the server; gives the exit code."""
    # What is imported stays: looking for garbage among it would take a seventh of the start. `Remainder` looks again.
    gc.disable()
    use_huge_pages()
    image = start_image()
    image.install()
    from server import lazy_dataclasses, side_doors

    side_doors.install()
    lazy_dataclasses.install()
    from server.main import main, tune_memory

    tune_memory()
    try:
        return main(left=image.rest(), ahead=image.ahead())
    finally:
        image.remove()


if __name__ == "__main__":
    sys.exit(run())

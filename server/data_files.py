"""The server's data files, which lie beside its modules.

The standard library's way to them can read archives too, and imports for it what takes a start longer than the files.
"""

from __future__ import annotations

import os


def data_text(*names: str, encoding: str = "utf-8") -> str:
    """The text of a file in server/data; FileNotFoundError where there is none."""
    with open(os.path.join(os.path.dirname(__file__), "data", *names), encoding=encoding) as file:
        return file.read()

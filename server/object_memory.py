"""Object memory: where the interpreter's small objects lie.

The interpreter takes memory in arenas of 1 MiB, wherever the system puts them, in pages of 4 KiB. A start makes
25 MB of classes, code and names: each page is a fault, and many a look at an object has to look for its page first.
The compiled twin has arenas lie side by side, where the system can have pages of 2 MiB: 7 % of a start. Clearing
those takes the system as long again: a thread touches the first of them, so that they are there when they are used.
"""

from __future__ import annotations


def use_huge_pages() -> bool:
    """Have later arenas in huge pages, where the system gives them to who asks; whether that was arranged."""
    return False  # only compiled code can be asked for memory while there is no object to ask with

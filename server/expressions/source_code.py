"""SourceCode: Python code that is being written: its lines, the values that it names, its temporary variables."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEPTH_MAX: Final = 60
"""Python takes no more than a hundred levels of indentation."""

LINES_MAX: Final = 4000


class TooMuch(Exception):
    """The code would be nested too deep, or be too long; it is done without."""


class SourceCode:
    """Code of one function; what it refers to by name is bound when it is made."""

    def __init__(self, head: str) -> None:
        """The function's first line, without its colon."""
        self._lines = [f"{head}:"]
        self._depth = 1
        self._bound: dict[str, Any] = {}
        self._known: dict[int, str] = {}
        self._temporaries = 0
        self.context = "None"
        """What gives an execution context to expressions that need one."""
        self.calls = 0
        """How many lines so far call something that may take its time."""

    def line(self, text: str) -> None:
        """Write a line."""
        if len(self._lines) > LINES_MAX:
            raise TooMuch
        self._lines.append(" " * self._depth + text)

    def change(self, number: int, text: str) -> None:
        """Write a line anew."""
        old = self._lines[number - 1]
        self._lines[number - 1] = old[: len(old) - len(old.lstrip())] + text

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Lines that belong to this one: if, for, try."""
        self.line(f"{head}:")
        if self._depth >= DEPTH_MAX:
            raise TooMuch
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @property
    def line_count(self) -> int:
        """The number of the last line."""
        return len(self._lines)

    def bound(self, value: Any) -> str:
        """The name of a value."""
        name = self._known.get(id(value))
        if name is None:
            name = self._known[id(value)] = f"k{len(self._bound)}"
            self._bound[name] = value
        return name

    def temporary(self) -> str:
        """A variable that nothing else uses."""
        self._temporaries += 1
        return f"t{self._temporaries}"

    def made(self, name: str) -> Callable[..., Any]:
        """The function."""
        names = dict(self._bound)
        # The text is made of this package's own words, numbers and names like k7 alone, of nothing that a user wrote.
        exec(compile("\n".join(self._lines), f"<{name}>", "exec"), names)  # noqa: S102
        found: Callable[..., Any] = names[name]
        return found

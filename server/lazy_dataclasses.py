"""Methods of dataclasses that are compiled when they are first called, and not when the class is made.

The standard library writes the source of each method and compiles it as the class comes up. The server's
five hundred frozen values have 2,500 of them, and a third of the time of a start went into methods of
which few are called before the first query is answered. `install` puts a stand-in in the place of each.

Rule 1: a stand-in does what the method does, once compiled, and gives the class the method itself.
Rule 2: what the standard library does not do as we know it is left as it is: then a start is slower, no more.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_PARAMETERS = ["name", "args", "body", "globals", "locals", "return_type"]


def install() -> bool:
    """Make dataclasses so from now on; false where the standard library makes them another way."""
    compile_method = getattr(dataclasses, "_create_fn", None)
    if compile_method is None or list(inspect.signature(compile_method).parameters) != _PARAMETERS:
        return False

    def stand_in(name: str, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        return _stand_in(name, lambda: compile_method(name, *args, **kwargs))

    stand_in.__signature__ = inspect.signature(compile_method)  # type: ignore[attr-defined]
    dataclasses._create_fn = stand_in  # type: ignore[attr-defined]
    return True


def _stand_in(name: str, compile_method: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
    """A method that compiles the one it stands for when it is called."""
    compiled: Callable[..., Any] | None = None

    def method(self: object, *args: object, **kwargs: object) -> object:
        nonlocal compiled
        if compiled is None:
            compiled = compile_method()
            compiled.__qualname__ = method.__qualname__
        for cls in type(self).__mro__:
            # __repr__ is wrapped against recursion and therefore stays what it is.
            if cls.__dict__.get(name) is method:
                setattr(cls, name, compiled)
        return compiled(self, *args, **kwargs)

    method.__name__ = name
    method.__qualname__ = name
    return method

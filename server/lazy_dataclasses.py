"""Methods of dataclasses that are written and compiled when they are first called, and not when the class is made.

The standard library writes the source of each method and compiles it as the class comes up. The server's
seven hundred frozen values have 4,000 of them, of which few are called before the first query is answered.
`install` puts a stand-in in the place of each.

Rule 1: a stand-in does what the method does, once compiled, and gives the class the method itself.
Rule 2: what the standard library does not do as we know it is left as it is: then a start is slower, no more.
Rule 3: an annotation that is text means a class variable and the like only if it says so, under no other name.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from server.slotted_dataclasses import PARAMETERS, processor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WRITERS: Final[Mapping[str, Sequence[str]]] = {
    "_init_fn": (
        "fields", "std_fields", "kw_only_fields", "frozen", "has_post_init", "self_name", "globals", "slots",
    ),
    "_repr_fn": ("fields", "globals"),
    "_hash_fn": ("fields", "globals"),
    "_cmp_fn": ("name", "op", "self_tuple", "other_tuple", "globals"),
    "_frozen_get_del_attr": ("cls", "fields", "globals"),
    "_tuple_str": ("obj_name", "fields"),
    "_process_class": PARAMETERS,
    "_field_init": ("f", "frozen", "globals", "self_name", "slots"),
    "_init_param": ("f",),
    "_create_fn": ("name", "args", "body", "globals", "locals", "return_type"),
    "_is_type": ("annotation", "cls", "a_module", "a_type", "is_type_predicate"),
}  # fmt: skip
"""Functions of the standard library that are exchanged, and their parameters as we know them."""


def install() -> bool:
    """Make dataclasses so from now on; false where the standard library makes them another way."""
    known: dict[str, Any] = {name: getattr(dataclasses, name, None) for name in WRITERS}
    for name, parameters in WRITERS.items():
        found = known[name]
        if found is None or _parameters(found) != tuple(parameters):
            return False
    for name, writer in _late_writers(known).items():
        writer.parameters = tuple(WRITERS[name])
        setattr(dataclasses, name, writer)
    return True


def _parameters(function: Any) -> tuple[str, ...]:
    """The names of a function's parameters."""
    code = function.__code__
    given: tuple[str, ...] = getattr(
        function, "parameters", code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    )
    return given


def _late_writers(known: Mapping[str, Any]) -> dict[str, Any]:
    """What takes the place of each of the standard library's functions."""
    write_init, write_repr = known["_init_fn"], known["_repr_fn"]
    write_hash, write_comparison = known["_hash_fn"], known["_cmp_fn"]
    write_guards, tuple_text, is_type = (
        known["_frozen_get_del_attr"], known["_tuple_str"], known["_is_type"],
    )  # fmt: skip

    def late(name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: _stand_in(name, lambda: write(*args, **kwargs))

    def comparison(name: str, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        return _stand_in(name, lambda: write_comparison(name, *args, **kwargs))

    def guards(*args: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
        return (
            _stand_in("__setattr__", lambda: write_guards(*args)[0]),
            _stand_in("__delattr__", lambda: write_guards(*args)[1]),
        )

    def means(annotation: str, *args: Any) -> bool:
        says_so = "ClassVar" in annotation or "InitVar" in annotation or "KW_ONLY" in annotation
        return says_so and is_type(annotation, *args)

    return {
        "_init_fn": late("__init__", write_init),
        "_repr_fn": late("__repr__", write_repr),
        "_hash_fn": late("__hash__", write_hash),
        "_cmp_fn": comparison,
        "_frozen_get_del_attr": guards,
        "_tuple_str": lambda *args: _Text(lambda: tuple_text(*args)),
        "_is_type": means,
        "_process_class": processor(known["_process_class"], known),
    }


class _Text:
    """A piece of source that is written when it is put into another."""

    __slots__ = ("_write",)

    def __init__(self, write: Callable[[], str]) -> None:
        self._write = write

    def __format__(self, spec: str) -> str:
        return self._write()


def _stand_in(name: str, compile_method: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
    """A method that compiles the one it stands for when it is called."""
    compiled: Callable[..., Any] | None = None

    def method(self: object, *args: object, **kwargs: object) -> object:
        nonlocal compiled
        if compiled is None:
            compiled = compile_method()
            compiled.__qualname__ = method.__qualname__
        for cls in type(self).__mro__:
            if cls.__dict__.get(name) is method:
                setattr(cls, name, compiled)
        return compiled(self, *args, **kwargs)

    method.__name__ = name
    method.__qualname__ = name
    return method

"""Dataclasses with slots, whose class is made once with all that it has and whose methods are written when called.

The standard library makes the class that the source has, gives it each method, and makes it again for its slots:
every attribute that is set looks at what the interpreter has for a class, in all its bases.

    class body -> class -> fields and stand-ins in one dictionary -> class with slots

Rule 1: a class is what the standard library makes of it; whatever is not as usual is left to that.
Rule 2: errors are the standard library's: what would be one is left to it as well.
Rule 3: values of frozen fields go into the slots themselves: nothing that inherits gives a field another meaning.
Rule 4: a stand-in does what the method does, once written, and gives the class the method itself.
"""

from __future__ import annotations

import dataclasses
import sys
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Fields = dict[str, Any]
    Writers = Mapping[str, Callable[..., Any]]

PARAMETERS: Final = (
    "cls", "init", "repr", "eq", "order", "unsafe_hash", "frozen", "match_args", "kw_only", "slots", "weakref_slot",
)  # fmt: skip
"""Of the standard library's function that is exchanged, as we know them."""
USUAL: Final = (True, True, True, False, False, True, True, False)
"""What is asked of a class that is made here, but whether it is frozen and has fields by name alone."""
UNUSUAL: Final = frozenset(("__slots__", "__setattr__", "__delattr__"))
"""What such a class does not define itself."""
library: Final[Any] = dataclasses
ASKED: Final = {
    is_frozen: library._DataclassParams(True, True, True, False, False, is_frozen)
    for is_frozen in (False, True)
}


def processor(known: Callable[..., type], writers: Writers) -> Callable[..., type]:
    """What takes the place of the standard library's function, with that and those that write methods."""

    def process(cls: type, *asked: bool) -> type:
        *first, frozen, match_args, kw_only, slots, weakref_slot = asked
        if (*first, match_args, slots, weakref_slot) == USUAL:
            made = _made(cls, frozen, kw_only, writers)
            if made is not None:
                return made
        return known(cls, *asked)

    return process


def _made(cls: type, frozen: bool, kw_only: bool, writers: Writers) -> type | None:
    """The class with slots; None if the standard library is to make it."""
    names = dict(vars(cls))
    if _is_unusual(cls, names):
        return None
    fields = _inherited(cls, frozen)
    if fields is None or not _add_own(fields, cls, names, kw_only):
        return None
    methods = _Methods(writers)
    for name, stand_in in _stand_ins(methods, frozen).items():
        if name not in names or (name == "__hash__" and names[name] is None):
            names[name] = methods.stand_ins[name] = stand_in
    names.setdefault(
        "__match_args__", tuple([name for name, each in fields.items() if each.init and not each.kw_only])
    )  # fmt: skip
    names["__dataclass_params__"] = ASKED[frozen]
    names["__dataclass_fields__"] = fields
    names["__slots__"] = _slots(cls, fields)
    names["__qualname__"] = cls.__qualname__
    for name in (*fields, "__dict__", "__weakref__"):
        names.pop(name, None)
    made: type = type(cls.__name__, cls.__bases__, names)
    methods.cls = made
    return made


def _is_unusual(cls: type, names: dict[str, Any]) -> bool:
    """Whether a class has something that not every one has."""
    has_no_hash = names.get("__hash__", cls) is None and "__eq__" not in names
    is_unusual = type(cls) is not type or has_no_hash or not UNUSUAL.isdisjoint(names)
    return is_unusual or not names["__doc__"]


def _inherited(cls: type, frozen: bool) -> Fields | None:
    """The fields of the bases; None if there is something else, or some can be changed and others not."""
    fields: Fields = {}
    bases: tuple[Any, ...] = cls.__mro__[-2:0:-1]
    for base in bases:
        theirs = getattr(base, "__dataclass_fields__", None)
        if theirs is not None:
            if base.__dataclass_params__.frozen is not frozen:
                return None
            fields.update(theirs)
    for each in fields.values():
        if each._field_type is not library._FIELD:
            return None
    return fields


def _add_own(fields: Fields, cls: type, names: dict[str, Any], kw_only: bool) -> bool:
    """Add the fields of a class itself; false if something is no ordinary one."""
    annotations = names.get("__annotations__", {})
    missing, kind = library.MISSING, library.Field
    for name, annotation in annotations.items():
        if (
            type(annotation) is not str
            or "ClassVar" in annotation or "InitVar" in annotation or "KW_ONLY" in annotation
        ):  # fmt: skip
            return False
        field = getattr(cls, name, missing)
        if type(field) is not kind:
            default = missing if isinstance(field, MemberDescriptorType) else field  # a base's slot
            field = kind(default, missing, True, True, None, True, None, missing)
        if field.default.__class__.__hash__ is None:
            return False
        field.name, field.type, field._field_type = name, annotation, library._FIELD
        if field.kw_only is missing:
            field.kw_only = kw_only
        fields[name] = field
    values = [name for name, value in names.items() if type(value) is kind]
    return all(name in annotations for name in values)


def _slots(cls: type, fields: Fields) -> tuple[str, ...]:
    """The slots that the bases do not have."""
    theirs = {slot for base in cls.__mro__[1:-1] for slot in library._get_slots(base)}
    return tuple([name for name in fields if name not in theirs])


class _Methods:
    """The methods of one class, written when they are first called."""

    __slots__ = ("_writers", "cls", "stand_ins")

    def __init__(self, writers: Writers) -> None:
        self._writers = writers
        self.cls: Any = None
        self.stand_ins: dict[str, Any] = {}

    def method(self, name: str) -> Callable[..., Any]:
        """The method itself, which the class has from now on unless it was given another."""
        written: Callable[..., Any] = self._written(name)
        written.__qualname__ = f"{self.cls.__qualname__}.{name}"
        if vars(self.cls).get(name) is self.stand_ins.get(name):
            setattr(self.cls, name, written)
        return written

    def _written(self, name: str) -> Any:
        write, cls = self._writers, self.cls
        fields = list(cls.__dataclass_fields__.values())
        namespace = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
        compared = [field for field in fields if field.compare]
        match name:
            case "__init__":
                return _init(cls, fields, namespace, write["_init_fn"])
            case "__repr__":
                return write["_repr_fn"]([field for field in fields if field.repr], namespace)
            case "__eq__":
                own, other = (write["_tuple_str"](each, compared) for each in ("self", "other"))
                return write["_cmp_fn"]("__eq__", "==", own, other, globals=namespace)
            case "__hash__":
                hashed = [
                    each for each in fields if (each.compare if each.hash is None else each.hash)
                ]
                return write["_hash_fn"](hashed, namespace)
            case _:
                guards = write["_frozen_get_del_attr"](cls, fields, namespace)
                return guards[name == "__delattr__"]


def _init(cls: Any, fields: list[Any], namespace: dict[str, Any], write: Callable[..., Any]) -> Any:
    """What takes the values: a frozen one puts them into its slots, which object.__setattr__ would look for by name."""
    by_place, by_name = library._fields_in_init_order(fields)
    own = "__dataclass_self__" if "self" in cls.__dataclass_fields__ else "self"
    is_frozen, has_post_init = cls.__dataclass_params__.frozen, hasattr(cls, "__post_init__")
    slots: dict[str, Any] = {field.name: getattr(cls, field.name, None) for field in fields}
    have_defaults = [_has_default(field) for field in by_place]
    is_usual = all(type(slot) is MemberDescriptorType for slot in slots.values())
    if not is_frozen or not is_usual or have_defaults != sorted(have_defaults):
        return write(fields, by_place, by_name, is_frozen, has_post_init, own, namespace, True)
    names = {f"_type_{field.name}": field.type for field in fields}
    names |= {"MISSING": library.MISSING, "_HAS_DEFAULT_FACTORY": library._HAS_DEFAULT_FACTORY}
    lines = []
    for field in fields:
        line = library._field_init(field, False, names, own, True)
        if line is not None:
            put = f"__dataclass_put_{field.name}__"
            names[put] = slots[field.name].__set__
            lines.append(f"{put}({own},{line.removeprefix(f'{own}.{field.name}=')})")
    if has_post_init:
        lines.append(f"{own}.__post_init__()")
    parameters = [own, *map(library._init_param, by_place)]
    if by_name:
        parameters += ["*", *map(library._init_param, by_name)]
    return library._create_fn(
        "__init__", parameters, lines or ["pass"], locals=names, globals=namespace, return_type=None
    )


def _has_default(field: Any) -> bool:
    missing = library.MISSING
    return not (field.default is missing and field.default_factory is missing)


def _stand_ins(methods: _Methods, frozen: bool) -> dict[str, Any]:
    """What a class has until its methods are called."""

    def init(self: object, *args: object, **kwargs: object) -> None:
        methods.method("__init__")(self, *args, **kwargs)

    def text(self: object) -> Any:
        return methods.method("__repr__")(self)

    def equals(self: object, other: object) -> Any:
        return methods.method("__eq__")(self, other)

    def hashed(self: object) -> Any:
        return methods.method("__hash__")(self)

    def set_one(self: object, name: str, value: object) -> None:
        methods.method("__setattr__")(self, name, value)

    def delete_one(self: object, name: str) -> None:
        methods.method("__delattr__")(self, name)

    found = {"__init__": init, "__repr__": text, "__eq__": equals}
    if not frozen:
        return {**found, "__hash__": None}
    return {
        **found, "__hash__": hashed, "__setattr__": set_one, "__delattr__": delete_one,
        "__getstate__": library._dataclass_getstate, "__setstate__": library._dataclass_setstate,
    }  # fmt: skip

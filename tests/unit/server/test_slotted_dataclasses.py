"""Classes with slots that are made at once are those that the standard library makes."""

import copy
import dataclasses
import inspect
import pickle
import sys

import pytest

from server import lazy_dataclasses

USED = """\
from __future__ import annotations
from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import ClassVar, Generic, TypeVar
"""
CLASSES = {
    "plain": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 a: int
 b: int = 2
""",
    "open": """\
@dataclass(slots=True)
class C:
 'It.'
 a: int
 b: list[int] = field(default_factory=list)
""",
    "empty": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
""",
    "fields": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 a: int = field(compare=False)
 b: int = field(default=1, repr=False, kw_only=True)
 c: int = field(default=5, init=False, hash=False)
""",
    "self": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 self: int
 a: int = 1
""",
    "by name": """\
@dataclass(frozen=True, slots=True, kw_only=True)
class C:
 'It.'
 a: int = 1
 b: int = 2
""",
    "inherits": """\
@dataclass(frozen=True, slots=True)
class B:
 'Base.'
 a: int
 b: int = 1
@dataclass(frozen=True, slots=True)
class C(B):
 'It.'
 b: int = 5
 c: int = 2
""",
    "calls its base": """\
@dataclass(slots=True)
class B:
 'Base.'
 a: int
@dataclass(slots=True)
class C(B):
 'It.'
 b: int = 1
 def __eq__(self, other): return B.__eq__(self, other)
 def __post_init__(self): B.__init__(self, self.a + 1)
""",
    "inherits slots": """\
class B:
 __slots__ = ('a',)
@dataclass(frozen=True, slots=True)
class C(B):
 'It.'
 a: int
 b: int = 3
""",
    "generic": """\
T = TypeVar('T')
@dataclass(frozen=True, slots=True)
class C(Generic[T]):
 'It.'
 a: T
""",
    "own methods": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 a: int
 def __eq__(self, other): return True
 def __repr__(self): return 'c'
""",
    "own hash": """\
@dataclass(slots=True)
class C:
 'It.'
 a: int
 def __hash__(self): return 4
""",
    "no hash": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 a: int
 __hash__ = None
""",
    "own init": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 a: int
 def __init__(self, a): object.__setattr__(self, 'a', -a)
""",
    "post init": """\
@dataclass(slots=True)
class C:
 'It.'
 a: int
 def __post_init__(self): self.a += 1
""",
    "factory": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 a: int
 b: list[int] = field(default_factory=list)
 c: list[int] = field(default_factory=list, init=False)
 def __post_init__(self): self.b.append(self.a)
""",
    "wrong order": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 b: int = 1
 c: int = field(default=2, kw_only=True)
 a: int = field(kw_only=True)
""",
    "class variable": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 a: int
 b: ClassVar[int] = 3
""",
    "init variable": """\
@dataclass(slots=True)
class C:
 'It.'
 a: int
 b: InitVar[int]
 def __post_init__(self, b): self.a = b
""",
    "marked": """\
@dataclass(slots=True)
class C:
 'It.'
 _: KW_ONLY
 a: int = 2
""",
    "no documentation": """\
@dataclass(frozen=True, slots=True)
class C:
 a: int = 2
""",
    "ordered": """\
@dataclass(frozen=True, slots=True, order=True)
class C:
 'It.'
 a: int
""",
    "without slots": """\
@dataclass(frozen=True)
class C:
 'It.'
 a: int
""",
    "mutable default": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 a: list = []
""",
    "field alone": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 a = field()
""",
    "own guard": """\
@dataclass(frozen=True, slots=True)
class C:
 'It.'
 a: int
 def __setattr__(self, n, v): pass
""",
    "changes a frozen one": """\
@dataclass(frozen=True, slots=True)
class B:
 'Base.'
 a: int
@dataclass(slots=True)
class C(B):
 'It.'
""",
    "slots twice": """\
@dataclass(slots=True)
class C:
 'It.'
 __slots__ = ('a',)
 a: int
""",
}
CALLS = (
    lambda c: c(), lambda c: c(1), lambda c: c(a=1),
    lambda c: c(1, 2), lambda c: c(1, z=2), lambda c: hash(c(1)) == hash(c(1)),
    lambda c: (c(1) == c(1), c(1) == c(2), c(1) != 1, c(1) == 1),
    lambda c: setattr(c(1), "a", 2), lambda c: delattr(c(1), "a"),
    lambda c: dataclasses.asdict(c(1)), lambda c: dataclasses.replace(c(1), a=4), lambda c: copy.copy(c(3)),
    lambda c: pickle.loads(pickle.dumps(c(3))), lambda c: c(1) < c(2), lambda c: c(1), lambda c: c(1).__dict__,
    lambda c: inspect.signature(c),
)  # fmt: skip
FACTS = ("name", "default", "init", "repr", "hash", "compare", "kw_only", "type")


def seen(source: str) -> list[object]:
    """What there is to see of a class of this source; an error where it cannot be made."""
    names = vars(sys.modules[__name__])
    try:
        exec(USED + source, names)
    except (TypeError, ValueError) as error:
        return [type(error), str(error)]
    made = names["C"]
    facts = [[getattr(field, fact) for fact in FACTS] for field in dataclasses.fields(made)]
    shown = [facts, made.__match_args__, getattr(made, "__slots__", None), made.__hash__ is None]
    shown += [made.__qualname__, sorted(vars(made)), repr(made.__dataclass_params__)]
    for call in CALLS:
        try:
            shown.append(repr(call(made)))
        except (TypeError, AttributeError) as error:
            shown += [type(error), str(error)]
    return shown


@pytest.fixture
def is_lazy(monkeypatch):
    """Have the standard library make them here, for one test."""
    for name in lazy_dataclasses.WRITERS:
        monkeypatch.setattr(dataclasses, name, getattr(dataclasses, name))
    return lazy_dataclasses.install


@pytest.mark.parametrize("source", CLASSES.values(), ids=CLASSES)
def test_a_class_is_what_the_standard_library_makes_of_it(is_lazy, source):
    expected = seen(source)
    assert is_lazy()
    assert seen(source) == expected


def test_a_class_is_made_once_more_and_gets_methods_as_they_are_called(is_lazy):
    assert is_lazy()
    seen(CLASSES["plain"])
    names = vars(sys.modules[__name__])
    exec(USED + CLASSES["plain"], names)
    made = names["C"]
    init = made.__init__
    assert made(1).a == 1
    assert made.__init__ is not init
    assert made.__init__.__qualname__ == "C.__init__"
    assert "__setattr__" not in made.__init__.__code__.co_names  # values go into the slots


def test_a_method_that_was_given_instead_stays(is_lazy):
    assert is_lazy()
    names = vars(sys.modules[__name__])
    exec(USED + CLASSES["plain"], names)
    made = names["C"]
    init, made.__init__ = made.__init__, lambda self, *args: init(self, 7, 8)
    given = made.__init__
    assert (made().a, made().b, made.__init__ is given) == (7, 8, True)


def test_what_is_frozen_refuses_what_it_does_not_have(is_lazy):
    assert is_lazy()
    names = vars(sys.modules[__name__])
    exec(USED + CLASSES["plain"], names)
    for change in (lambda c: setattr(c, "z", 1), lambda c: delattr(c, "z")):
        with pytest.raises(dataclasses.FrozenInstanceError, match="'z'"):
            change(names["C"](1))

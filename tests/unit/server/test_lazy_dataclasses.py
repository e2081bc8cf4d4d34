"""Dataclasses whose methods are compiled late behave as those whose methods are compiled at once."""

import dataclasses
import sys

import pytest

from server import lazy_dataclasses


@pytest.fixture
def is_lazy(monkeypatch):
    """The standard library with our way of making methods, for one test."""
    original = {name: getattr(dataclasses, name) for name in lazy_dataclasses.WRITERS}
    for name, function in original.items():
        monkeypatch.setattr(dataclasses, name, function)
    assert lazy_dataclasses.install()
    return original


def make_classes():
    @dataclasses.dataclass(frozen=True, slots=True)
    class Point:
        """A place."""

        x: int
        y: int = 2
        rest: list[int] = dataclasses.field(default_factory=list, compare=False)

    @dataclasses.dataclass(frozen=True, slots=True)
    class Named(Point):
        """A place with a name."""

        name: str = "a"

        def __post_init__(self) -> None:
            assert self.name

    @dataclasses.dataclass(order=True)
    class Open:
        """One that may change."""

        a: int

        def __repr__(self) -> str:
            return "open"

    return Point, Named, Open


def behaviour(classes) -> list[object]:
    """What can be seen of the classes."""
    point, named, opened = classes
    seen: list[object] = [
        point(1),
        point(1, y=3),
        named(1, name="b"),
        dataclasses.replace(point(1), y=9),
    ]
    seen += [repr(item).rsplit(".", 1)[-1] for item in seen]
    seen += [point(1) == point(1, rest=[4]), point(1) == named(1), hash(point(1)) == hash(point(1))]
    seen += [opened(1) < opened(2), repr(opened(1)), dataclasses.astuple(named(5))]
    for action in (
        lambda: point(),
        lambda: point(1, z=2),
        lambda: named(1, name=""),
        lambda: setattr(point(1), "x", 2),
        lambda: delattr(named(1), "name"),
        lambda: hash(opened(1)),
    ):
        with pytest.raises((TypeError, AssertionError, dataclasses.FrozenInstanceError)) as caught:
            action()
        seen.append((caught.type, str(caught.value).rsplit(".", 1)[-1]))
    match named(7, 8):
        case point(x, y):
            seen.append((x, y))
    return [repr(item).rsplit(".", 1)[-1] for item in seen]


def test_they_behave_the_same(is_lazy):
    late = make_classes()
    lazily = [behaviour(late), behaviour(late)]
    with pytest.MonkeyPatch.context() as patch:
        for name, function in is_lazy.items():
            patch.setattr(dataclasses, name, function)
        at_once = behaviour(make_classes())
    assert lazily == [at_once, at_once]


def test_fields_that_are_none_are_known_by_what_their_annotations_say(is_lazy):
    source = """from __future__ import annotations
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import ClassVar
import typing
@dataclass
class C:
    a: int
    b: ClassVar[int] = 2
    c: typing.ClassVar[int] = 3
    d: InitVar[int] = 4
    _: KW_ONLY
    e: int = 5
"""
    names = vars(sys.modules[__name__])
    exec(compile(source, __file__, "exec"), names)
    made = names.pop("C")
    assert [field.name for field in dataclasses.fields(made)] == ["a", "e"]
    assert made.__match_args__ == ("a", "d")


def test_a_class_gets_the_method_itself_once_it_was_called(is_lazy):
    point, named, _ = make_classes()
    stand_in = point.__init__
    named(1)
    assert point.__init__ is stand_in
    point(1)
    assert point.__init__ is not stand_in
    assert point.__init__.__code__.co_varnames[:3] == ("self", "x", "y")
    assert point.__init__.__qualname__.endswith("Point.__init__")


def test_another_standard_library_is_left_alone(monkeypatch):
    def another(name):
        """Of a later version."""

    before = dataclasses._init_fn
    monkeypatch.setattr(dataclasses, "_tuple_str", another)
    assert not lazy_dataclasses.install()
    assert dataclasses._init_fn is before
    monkeypatch.delattr(dataclasses, "_tuple_str")
    assert not lazy_dataclasses.install()

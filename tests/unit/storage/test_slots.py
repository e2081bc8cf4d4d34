"""Slots read and written by compiled code: what Python's getattr and setattr say, whatever happened to the class."""

import gc
from dataclasses import FrozenInstanceError, dataclass

import pytest

from storage.native.slots import SlotAccess


class Slotted:
    __slots__ = ("a", "b", "c")

    def __init__(self, a=1, b=2):
        self.a = a
        self.b = b


class Derived(Slotted):
    __slots__ = ("d",)


class Shadowing(Slotted):
    __slots__ = ()

    @property
    def b(self):
        return "computed"


class WithDict:
    def __init__(self, b):
        self.b = b


@dataclass(frozen=True, slots=True)
class Frozen:
    a: int
    b: object


@pytest.fixture
def b():
    return SlotAccess("b")


def met(access, instance):
    """An instance whose class the access has met, so that it knows where the slot is."""
    for _ in range(3):
        access.read(instance)
    return instance


def test_values_of_several_classes_in_turn(b):
    instances = [
        Slotted(b=10),
        Derived(b=11),
        Shadowing.__new__(Shadowing),
        WithDict(12),
        Frozen(1, 13),
    ]
    for _ in range(3):
        for instance in instances:
            assert b.read(instance) is instance.b
            assert b.read(instance) is instance.b


def test_a_slot_that_is_empty(b):
    instance = met(b, Slotted())
    del instance.b
    for _ in range(2):
        with pytest.raises(AttributeError, match="b"):
            b.read(instance)
    with pytest.raises(AttributeError):
        SlotAccess("c").read(instance)
    b.write(instance, 3)
    assert (instance.a, instance.b, b.read(instance)) == (1, 3, 3)


def test_a_class_without_the_attribute(b):
    met(b, Slotted())
    for other in (object(), 5, "text", None, [], int, WithDict.__new__(WithDict)):
        for _ in range(2):
            with pytest.raises(AttributeError):
                b.read(other)
    for other in (object(), 5):
        with pytest.raises(AttributeError):
            b.write(other, 1)
    assert b.read(Slotted(b=4)) == 4


def test_a_class_that_is_changed(b):
    class Changing:
        __slots__ = ("b",)

    instance = Changing()
    b.write(instance, "stored")
    assert b.read(met(b, instance)) == "stored"
    kept = Changing.b
    Changing.b = property(lambda self: "computed")
    assert b.read(instance) == "computed"
    with pytest.raises(AttributeError):
        b.write(instance, "other")
    Changing.b = "constant"
    assert b.read(instance) == "constant"
    with pytest.raises(AttributeError, match="read-only"):
        b.write(instance, "other")
    del Changing.b
    with pytest.raises(AttributeError):
        b.read(instance)
    Changing.b = kept
    assert b.read(instance) == "stored"


def test_a_base_that_is_changed(b):
    class Base:
        __slots__ = ("b",)

    class Below(Base):
        __slots__ = ()

    instance = Below()
    b.write(instance, 1)
    met(b, instance)
    Below.b = property(lambda self: "below")
    assert b.read(instance) == "below"
    del Below.b
    assert b.read(met(b, instance)) == 1
    Base.b = property(lambda self: "above")
    assert b.read(instance) == "above"


def test_an_instance_that_changes_its_class(b):
    class First:
        __slots__ = ("a", "b")

    class Second:
        __slots__ = ("a", "b")

        def __getattribute__(self, name):
            return f"asked for {name}"

    instance = First()
    b.write(instance, 1)
    met(b, instance)
    instance.__class__ = Second
    assert b.read(instance) == "asked for b"


def test_a_class_that_answers_itself(b):
    class Answering:
        __slots__ = ("b",)

        def __getattribute__(self, name):
            return f"asked for {name}"

    instance = Answering()
    for _ in range(3):
        b.write(instance, "stored")
        assert b.read(instance) == "asked for b"
    del Answering.__getattribute__
    assert b.read(instance) == "stored"
    Answering.__getattribute__ = lambda self, name: "again"
    assert b.read(instance) == "again"


def test_a_class_with_an_answer_for_what_is_missing(b):
    class Helpful:
        __slots__ = ("b",)

        def __getattr__(self, name):
            return f"no {name}"

    instance = Helpful()
    assert b.read(instance) == "no b"
    b.write(instance, 1)
    assert b.read(instance) == b.read(instance) == 1
    del instance.b
    assert b.read(instance) == "no b"


def test_frozen_instances_stay_as_they_are(b):
    instance = met(b, Frozen(1, "kept"))
    with pytest.raises(FrozenInstanceError):
        b.write(instance, "changed")
    assert b.read(instance) == instance.b == "kept"


def test_a_class_that_becomes_frozen(b):
    class Freezing:
        __slots__ = ("b",)

    instance = Freezing()
    b.write(instance, 1)
    b.write(instance, 2)

    def refuse(self, name, value):
        raise TypeError(name)

    Freezing.__setattr__ = refuse
    with pytest.raises(TypeError):
        b.write(instance, 3)
    assert b.read(instance) == 2


def test_a_descriptor_of_another_class(b):
    """It names a place that an object of this class does not have."""

    class Wide:
        __slots__ = ("b", "c", "d", "e", "f", "g", "h")

    class Narrow:
        __slots__ = ()
        b = Wide.h

    instance = Narrow()
    for _ in range(2):
        with pytest.raises(TypeError, match="doesn't apply"):
            b.read(instance)
        with pytest.raises(TypeError, match="doesn't apply"):
            b.write(instance, 1)


def test_a_function_of_another_class():
    class Other:
        __slots__ = ()
        real = int.real

    access = SlotAccess("real")
    assert [access.read(5), access.read(5), access.read(True)] == [5, 5, 1]
    for _ in range(2):
        with pytest.raises(TypeError, match="doesn't apply"):
            access.read(Other())
    with pytest.raises(AttributeError, match="not writable"):
        access.write(5, 6)


def test_what_cannot_be_written():
    access = SlotAccess("start")
    assert access.read(slice(3, 4)) == access.read(slice(3, 4)) == 3
    with pytest.raises(AttributeError, match="readonly"):
        access.write(slice(3, 4), 5)


def test_values_are_kept_and_let_go(b):
    class Value:
        gone = 0

        def __del__(self):
            Value.gone += 1

    instance = met(b, Slotted(b=Value()))
    assert b.read(instance) is instance.b
    for _ in range(5):
        b.write(instance, Value())
        b.write(instance, b.read(instance))
    assert Value.gone == 5
    del instance
    gc.collect()
    assert Value.gone == 6


def test_classes_that_come_and_go(b):
    """A class may lie where one has been that is gone."""
    for i in range(200):
        names = ("b", "a") if i % 2 else ("a", "b")
        made = type("Made", (), {"__slots__": names})()
        b.write(made, i)
        b.write(made, i + 1)
        assert b.read(made) == b.read(made) == made.b == i + 1
        with pytest.raises(AttributeError):
            made.a  # noqa: B018


def test_an_attribute_of_every_class():
    access = SlotAccess("__class__")
    assert access.read(Slotted) is type
    assert access.read(5) is access.read(6) is int
    instance = Slotted()
    access.write(instance, Slotted)
    with pytest.raises(TypeError):
        access.write(instance, int)
    assert access.read(instance) is Slotted

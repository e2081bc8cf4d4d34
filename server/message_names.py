"""MessageNames: what `postgast.pg_query_pb2` defines, from the same description, as it is asked for.

The module itself makes all 276 messages, and a message of descriptions to read its own with: 40 modules of protobuf's
for what the compiled part of it, upb, does alone.

Rule 1: names are those of the module: messages, enumerations, their values, DESCRIPTOR, DESCRIPTOR_POOL.
Rule 2: there is one class of each message, whoever makes it first: upb makes one for what a parser gives, too.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from server.late_code import RUNNING

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPILED: Final = "google._upb._message"
DESCRIPTION: Final = "pg_query.desc"
"""The file beside the module: a FileDescriptorSet."""
FILE_TAG: Final = 0x0A
"""Of each description in it; a length and its bytes follow."""


class MessageNames(ModuleType):
    """The module that has not run, and never does."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        with RUNNING:
            names = self.__dict__
            if "DESCRIPTOR" not in names:
                assert self.__file__ is not None
                names.update(_described(os.path.join(os.path.dirname(self.__file__), DESCRIPTION)))
            if name not in names:
                names[name] = _made(names["DESCRIPTOR"], name)
        return names[name]


def _described(path: str) -> dict[str, Any]:
    """The description, its pool and the values of all enumerations."""
    pool, file = import_module(COMPILED).DescriptorPool(), None
    with open(path, "rb") as stream:
        for each in _files(stream.read()):
            file = pool.AddSerializedFile(each)  # what a file needs comes before it
    assert file is not None
    kinds = file.enum_types_by_name.values()
    values = {value.name: value.number for kind in kinds for value in kind.values}
    return {**values, "DESCRIPTOR_POOL": pool, "DESCRIPTOR": file}


def _files(data: bytes) -> Iterator[bytes]:
    """The descriptions in a FileDescriptorSet, which has nothing else."""
    begin = 0
    while begin < len(data):
        assert data[begin] == FILE_TAG
        length = shift = 0
        has_more = True
        while has_more:
            begin += 1
            length |= (data[begin] & 0x7F) << shift
            shift += 7
            has_more = data[begin] > 0x7F
        begin += 1
        yield data[begin : begin + length]
        begin += length


def _made(file: Any, name: str) -> object:
    """The message or the enumeration of a name."""
    message = file.message_types_by_name.get(name)
    if message is not None:
        base = import_module("google.protobuf.message").Message
        names = {"DESCRIPTOR": message, "__module__": None}
        made: object = import_module(COMPILED).MessageMeta(name, (base,), names)
        return made
    enumeration = file.enum_types_by_name.get(name)
    if enumeration is not None:
        wrapper = import_module("google.protobuf.internal.enum_type_wrapper")
        named: object = wrapper.EnumTypeWrapper(enumeration)
        return named
    raise AttributeError(name)

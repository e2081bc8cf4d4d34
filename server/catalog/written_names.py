"""Qualified names as users write them: cut into their parts, unquoted and folded."""

from __future__ import annotations

from server.errors import InvalidName
from server.identifiers import folded, truncate_identifier


def split_identifiers(text: str) -> list[str]:
    """The parts of a qualified name, unquoted and folded; raises for what is none."""
    parts: list[str] = []
    position = 0
    while True:
        position = _skip_blanks(text, position)
        part, position = _one_identifier(text, position)
        parts.append(part)
        position = _skip_blanks(text, position)
        if position == len(text):
            return parts
        if text[position] != ".":
            raise InvalidName("invalid name syntax")
        position += 1


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _one_identifier(text: str, start: int) -> tuple[str, int]:
    end = start
    if text[start : start + 1] == '"':
        end += 1
        while end < len(text) and (text[end] != '"' or text[end : end + 2] == '""'):
            end += 2 if text[end] == '"' else 1
        if end >= len(text) or end == start + 1:
            raise InvalidName("invalid name syntax")
        return truncate_identifier(text[start + 1 : end].replace('""', '"')), end + 1
    while end < len(text) and not text[end].isspace() and text[end] != ".":
        end += 1
    if end == start:
        raise InvalidName("invalid name syntax")
    return folded(text[start:end]), end

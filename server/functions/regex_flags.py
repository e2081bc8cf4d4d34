"""The flags argument of the regexp functions."""

from __future__ import annotations

from server.errors import InvalidParameterValue


def split_flags(flags: str, allowed_global: bool) -> tuple[str, bool]:
    """The options of a flags argument, and whether it says g."""
    is_global = False
    kept: list[str] = []
    for flag in flags:
        if flag == "g" and allowed_global:
            is_global = True
        elif flag not in "bceimnpqstwx":
            raise InvalidParameterValue(f'invalid regular expression option: "{flag}"')
        elif flag == "c":
            kept = [known for known in kept if known != "i"]
        else:
            kept.append(flag)
    return "".join(kept), is_global

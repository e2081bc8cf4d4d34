"""information_schema of functions, procedures and aggregates: routines, parameters and who may call them.

Rule 1: all is taken of rows of pg_proc, which are the same for built-in functions and those of users.
Rule 2: bodies and defaults are told to owners only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.definitions import argument_lists, split_defaults
from server.catalog.privileges import allowed_letters, grants_of
from server.catalog.routine_objects import UserFunction
from server.catalog.system_privileges import INITIAL
from server.catalog.views.information_roles import privilege_rows
from server.catalog.views.information_types import NO, YES, data_type, yes_or_no
from server.catalog.views.listings import name_of
from server.catalog.views.physical import named_facts
from server.catalog.views.routines import INPUT_MODES, function_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.views.information_viewer import Viewer
    from server.catalog.views.relation import Row

BOOTSTRAP_USER: Final = 10
KINDS: Final = {"f": "FUNCTION", "p": "PROCEDURE"}
MODES: Final = {"i": "IN", "v": "IN", "o": "OUT", "t": "OUT", "b": "INOUT"}
SAME: Final = {
    "parameter_style": "GENERAL",
    "sql_data_access": "MODIFIES",
    "schema_level_routine": YES,
    "max_dynamic_result_sets": 0,
    "as_locator": NO,
    "is_udt_dependent": NO,
}
"""What is said of every routine."""


def _seen(viewer: Viewer) -> Iterator[tuple[Row, bool]]:
    """The rows of pg_proc that the user may know of, and whether he has the owner's rights."""
    for fact in named_facts("pg_proc"):
        yield fact, viewer.everything
    for value in viewer.view.objects(UserFunction):
        owns = viewer.owns(value)
        grants = grants_of("function", value.owner, value.acl)
        if owns or allowed_letters(viewer.view, viewer.user, grants, value.owner)[0]:
            yield function_row(viewer.view, value), owns


def _address(viewer: Viewer, row: Row) -> dict[str, Any]:
    """The name that no other routine has."""
    return {
        "specific_catalog": viewer.catalog,
        "specific_schema": name_of(viewer.view, row["pronamespace"]),
        "specific_name": f"{row['proname']}_{row['oid']}",
    }


def _names(viewer: Viewer, row: Row) -> dict[str, Any]:
    own = _address(viewer, row)
    return own | {
        "routine_catalog": viewer.catalog,
        "routine_schema": own["specific_schema"],
        "routine_name": row["proname"],
    }


def _result(viewer: Viewer, row: Row) -> dict[str, Any]:
    if row["prokind"] == "p":
        return {}
    udt = viewer.type_address(row["prorettype"])
    return {
        **{f"type_{name}": item for name, item in udt.items()},
        "data_type": data_type(viewer.view, row["prorettype"]),
        "dtd_identifier": "0",
        "is_null_call": yes_or_no(row["proisstrict"]),
    }


def routines(viewer: Viewer) -> Iterator[Row]:
    """information_schema.routines."""
    languages = {row["oid"]: row["lanname"] for row in named_facts("pg_language")}
    for row, owns in _seen(viewer):
        language = languages[row["prolang"]]
        yield {
            **_names(viewer, row),
            **SAME,
            **_result(viewer, row),
            "routine_type": KINDS.get(row["prokind"]),
            "routine_body": "SQL" if language == "sql" else "EXTERNAL",
            "routine_definition": row["prosrc"] if owns else None,
            "external_name": row["prosrc"] if language == "c" else None,
            "external_language": language.upper(),
            "is_deterministic": yes_or_no(row["provolatile"] == "i"),
            "security_type": "DEFINER" if row["prosecdef"] else "INVOKER",
        }


def parameters(viewer: Viewer) -> Iterator[Row]:
    """information_schema.parameters."""
    for row, owns in _seen(viewer):
        address = _address(viewer, row)
        modes, names, types = argument_lists(row)
        inputs = [place for place, mode in enumerate(modes) if mode in INPUT_MODES]
        defaults = split_defaults(row["proargdefaults"] or "") if owns else []
        given = dict(zip(inputs[len(inputs) - len(defaults) :], defaults, strict=False))
        for place, (mode, name, oid) in enumerate(zip(modes, names, types, strict=True)):
            yield {
                **address,
                **viewer.type_address(oid),
                "ordinal_position": place + 1,
                "parameter_mode": MODES[mode],
                "is_result": NO,
                "as_locator": NO,
                "parameter_name": name or None,
                "data_type": data_type(viewer.view, oid),
                "dtd_identifier": str(place + 1),
                "parameter_default": viewer.define.expression(given[place])
                if place in given
                else None,
            }


def routine_privileges(viewer: Viewer) -> Iterator[Row]:
    """information_schema.routine_privileges."""
    for fact in named_facts("pg_proc"):
        acl = INITIAL.get(fact["oid"])
        for grant in privilege_rows(viewer, BOOTSTRAP_USER, "function", acl, "X"):
            yield {**grant, **_names(viewer, fact)}
    for value in viewer.view.objects(UserFunction):
        names = _names(viewer, function_row(viewer.view, value))
        for grant in privilege_rows(viewer, value.owner, "function", value.acl, "X"):
            yield {**grant, **names}

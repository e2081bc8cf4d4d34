"""Options of operator classes, as in (body tsvector_ops(siglen = 100)): checked and kept with the key.

They say how PostgreSQL lays out entries of GiST and BRIN, of which only the definition is kept here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.errors import InvalidParameterValue
from server.statements.storage_parameters import INT_MAX, Parameter, storage_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from server.catalog.objects import IndexKey
    from server.sql.nodes import IndexElement

_SIGNATURE: Final = {"siglen": Parameter("int", 1, 2024)}
_OF_CLASSES: Final[Mapping[tuple[str, str], Mapping[str, Parameter]]] = {
    ("gist", "tsvector_ops"): _SIGNATURE,
    ("gist", "gist_trgm_ops"): _SIGNATURE,
    ("gist", "gist_hstore_ops"): _SIGNATURE,
    ("gist", "gist_ltree_ops"): _SIGNATURE,
    ("gist", "gist__ltree_ops"): _SIGNATURE,
    ("gist", "gist__intbig_ops"): _SIGNATURE,
    ("gist", "gist__int_ops"): {"numranges": Parameter("int", 1, 252)},
}
_OF_SUFFIXES: Final[Mapping[tuple[str, str], Mapping[str, Parameter]]] = {
    ("brin", "_bloom_ops"): {
        "n_distinct_per_range": Parameter("real", -1, INT_MAX),
        "false_positive_rate": Parameter("real", 0.0001, 0.25),
    },
    ("brin", "_minmax_multi_ops"): {"values_per_range": Parameter("int", 8, 256)},
}


def with_class_options(
    method: str, keys: Sequence[IndexKey], elements: Sequence[IndexElement]
) -> tuple[IndexKey, ...]:
    """The keys with what was given for their operator classes; raises InvalidParameterValue."""
    return tuple(_with_options(method, key, item) for key, item in zip(keys, elements, strict=True))


def _with_options(method: str, key: IndexKey, element: IndexElement) -> IndexKey:
    given = element.args.get("operator_class_options") or ()
    if not given:
        return key
    name = key.operator_class.rpartition(".")[2]
    known = _known(method, name)
    if not known:
        raise InvalidParameterValue(f"operator class {name} has no options")
    return replace(key, class_options=storage_parameters(given, known))


def _known(method: str, name: str) -> Mapping[str, Parameter]:
    for (own, suffix), parameters in _OF_SUFFIXES.items():
        if own == method and name.endswith(suffix):
            return parameters
    return _OF_CLASSES.get((method, name), {})

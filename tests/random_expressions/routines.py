"""What can be called: functions, operators, casts and aggregates of PostgreSQL's catalog, and the forms of forms.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.random_expressions.forms import AGGREGATED, AGGREGATED_TWICE, FORMS, TYPED, WORDS
from tests.random_expressions.values import VALUES
from tests.support.wire import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.wire import Wire

POLYMORPHIC: Final = {
    "anyelement": "e", "anyarray": "a", "anynonarray": "e", "anycompatible": "e",
    "anycompatiblearray": "a", "anycompatiblenonarray": "e", "anyrange": "r", "anymultirange": "m",
    "anycompatiblerange": "r", "anycompatiblemultirange": "m",
}  # fmt: skip
LEFT_OUT: Final = (
    "pg_", "txid_", "current_", "session_", "inet_client", "inet_server", "has_", "lo_", "brin_", "gin", "gist",
    "spg", "bt", "query_to", "table_to", "schema_to", "database_to", "cursor_to", "ts_stat", "ts_rewrite", "ts_debug",
    "ts_parse", "ts_token", "ts_typanalyze", "ts_match_", "to_reg", "now", "statement_timestamp",
    "transaction_timestamp", "clock", "timeofday", "version", "obj_desc", "col_desc", "shobj", "set_config",
    "getdatabase", "getpgusername", "row_security", "make_tsvector", "age", "binary_", "repeat", "lpad", "rpad",
    "generate_series", "mxid", "suppress", "RI_", "format_type", "json_to_record", "jsonb_to_record", "json_populate",
    "jsonb_populate", "to_ascii", "convert", "iso", "utf8", "koi8", "win", "mic", "euc", "sjis", "shift", "big5",
    "gb", "johab", "uhc", "latin", "ascii_to", "numerictypmod", "acl", "make_acl", "lastval", "currval", "nextval",
    "setval", "pow_", "amvalidate", "nameconcat", "fmgr_", "hash_acl", "datetime", "xid", "cid", "tid",
    "gtsvector", "tsquery_phrase_", "xmlvalidate",
)  # fmt: skip
OF_STEPS: Final = re.compile(
    "_(accum|combine|transfn|finalfn|deserialize|serialize|sfunc)|^int[24]_sum|^in_range"
)
"""Steps of aggregates and support functions, which PostgreSQL calls with values that it has made itself."""
QUOTED: Final = (
    "overlay", "position", "substring", "trim", "char", "float4", "bit", "overlaps", "time", "timestamp", "timetz",
    "interval", "numeric", "timestamptz", "like", "notlike", "varchar", "normalize",
)  # fmt: skip
NOT_CAST: Final = (("char", "bpchar"),)
"""Casts of what is no text here: one byte of several."""


@dataclass(frozen=True, slots=True)
class Routine:
    """Something that can be called: how it is told from others, the texts around its arguments, and its types."""

    name: str
    template: tuple[str, ...]
    arguments: tuple[str, ...]
    result: str

    @property
    def signature(self) -> str:
        """What differences are counted by."""
        return f"{self.name}({','.join(self.arguments)})"


def written(kind: str) -> str:
    """A type by its catalog name, as SQL."""
    return {"char": '"char"', "bit": "bit varying"}.get(kind, kind)


def catalog_rows(wire: Wire, query: str) -> list[tuple[str, ...]]:
    """The rows of a query that has to work."""
    (answer,) = wire.ask([Question(query)])
    assert not answer.sqlstate, answer
    return [tuple((cell or b"").decode() for cell in row) for row in answer.rows]


def routines(wire: Wire) -> list[list[Routine]]:
    """All, in groups that are chosen from alike."""
    plain = [*_functions(wire), *_operators(wire), *_casts(wire)]
    return [plain, plain, plain, [*_forms()], [*_aggregates(wire), *_sets(wire)]]


def _known(kinds: tuple[str, ...], *, of_results: bool = False) -> bool:
    return all(kind in VALUES or kind in POLYMORPHIC for kind in kinds) and not (
        of_results and "" in kinds
    )


_ARGUMENTS: Final = (
    "(select string_agg(t.typname, ' ' order by o) from unnest(proargtypes) with "
    "ordinality a(oid, o) join pg_type t on t.oid = a.oid)"
)


def _called(name: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
    shown = f'"{name}"' if name in QUOTED else name
    return (f"{shown}(", *[", "] * (len(kinds) - 1), ")") if kinds else (f"{shown}()",)


def _functions(wire: Wire) -> Iterator[Routine]:
    for name, arguments, result in catalog_rows(
        wire,
        f"select proname, {_ARGUMENTS}, r.typname from pg_proc p join pg_type r "
        "on r.oid = prorettype where pronamespace = 11 and prokind = 'f' and not proretset and "
        "provolatile <> 'v' and provariadic = 0 and p.oid < 16384 order by p.oid",
    ):
        kinds = tuple(arguments.split())
        if kinds == ("int4", "circle") or (name, kinds) == ("bpchar", ("char",)):
            continue  # as many points as one asks for; one byte of several
        if name.startswith(LEFT_OUT) or OF_STEPS.search(name):
            continue
        if _known((*kinds, result)):
            yield Routine(name, _called(name, kinds), kinds, result)


def _sets(wire: Wire) -> Iterator[Routine]:
    """Functions that return sets, as arrays of what they return."""
    for name, arguments in catalog_rows(
        wire,
        f"select proname, {_ARGUMENTS} from pg_proc p where pronamespace = 11 and prokind = 'f' and proretset "
        "and provolatile <> 'v' and provariadic = 0 and p.oid < 16384 and pronargs > 0 order by p.oid",
    ):
        kinds = tuple(arguments.split())
        if _known(kinds) and not name.startswith(LEFT_OUT):
            first, *rest = _called(name, kinds)
            rest[-1] += ")::text"
            yield Routine(f"set {name}", (f"array(select {first}", *rest), kinds, "text")


def _operators(wire: Wire) -> Iterator[Routine]:
    for name, left, right, result in catalog_rows(
        wire,
        "select oprname, l.typname, r.typname, s.typname from pg_operator o left join pg_type l on "
        "l.oid = oprleft join pg_type r on r.oid = oprright join pg_type s on s.oid = oprresult "
        "where oprnamespace = 11 and oprcode <> 0 order by o.oid",
    ):
        kinds = tuple(filter(None, (left, right)))
        if _known((*kinds, result)):
            sides = ("(", f" {name} ", ")") if len(kinds) == 2 else (f"({name} ", ")")
            yield Routine(name, sides, kinds, result)


def _casts(wire: Wire) -> Iterator[Routine]:
    pairs = catalog_rows(
        wire,
        "select s.typname, t.typname from pg_cast c join pg_type s on s.oid = castsource join pg_type t "
        "on t.oid = casttarget where castsource <> casttarget order by c.oid",
    )
    pairs += [(kind, "text") for kind in VALUES] + [("text", kind) for kind in VALUES]
    for source, target in pairs:
        if source in VALUES and target in VALUES and (source, target) not in NOT_CAST:
            shown = written(target)
            yield Routine(f"::{shown}", ("(", f")::{shown}"), (source,), target)


def _aggregates(wire: Wire) -> Iterator[Routine]:
    for name, arguments, result in catalog_rows(
        wire,
        f"select proname, {_ARGUMENTS}, r.typname from pg_proc p join pg_type r on r.oid = prorettype "
        "join pg_aggregate a on a.aggfnoid = p.oid where pronamespace = 11 and aggkind = 'n' and provariadic = 0 "
        "and p.oid < 16384 and pronargs between 1 and 2 order by p.oid",
    ):
        kinds = tuple(arguments.split())
        if not all(kind in VALUES or kind in POLYMORPHIC or kind == "any" for kind in kinds):
            continue
        kinds = tuple("anyelement" if kind == "any" else kind for kind in kinds)
        for number, form in enumerate(AGGREGATED if len(kinds) == 1 else AGGREGATED_TWICE):
            filled = form
            for place, kind in enumerate(kinds):
                filled = filled.replace(f"{{{place}}}", f"{{{kind}}}")
            answer = "text" if form.endswith("::text") else result
            made = _form(filled.replace("{call}", name), answer)
            yield Routine(f"aggregate {number} {name}", made.template, made.arguments, answer)


def _forms() -> Iterator[Routine]:
    for form, result in FORMS:
        yield _form(form, result)


def _form(form: str, result: str) -> Routine:
    parts = re.split(r"\{(\w+)\}", form)
    kinds = tuple(parts[1::2])
    assert all(kind in VALUES or kind in POLYMORPHIC or kind in WORDS for kind in kinds), form
    return Routine(form, tuple(parts[::2]), kinds, result)


def literals(kind: str) -> tuple[str, ...]:
    """The literals of a type or of a kind of words."""
    return WORDS.get(kind) or VALUES.get(kind, VALUES["text"])


def type_of(kind: str) -> str:
    """The type of a type or of a kind of words, as SQL."""
    return TYPED.get(kind, "text") if kind in WORDS else written(kind)

"""What can be called: functions, operators, casts and aggregates of PostgreSQL's catalog, and the forms of forms.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.random_expressions.forms import AGGREGATED, AGGREGATED_TWICE
from tests.support.wire import Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.random_expressions.material import Material
    from tests.support.wire import Wire

POLYMORPHIC: Final = {
    "anyelement": "e", "anyarray": "a", "anynonarray": "e", "anycompatible": "e",
    "anycompatiblearray": "a", "anycompatiblenonarray": "e", "anyrange": "r", "anymultirange": "m",
    "anycompatiblerange": "r", "anycompatiblemultirange": "m", "anyenum": "n",
}  # fmt: skip
ENUM: Final = "mood"
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


def _called(name: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
    shown = f'"{name}"' if name in QUOTED else name
    return (f"{shown}(", *[", "] * (len(kinds) - 1), ")") if kinds else (f"{shown}()",)


_ARGUMENTS: Final = (
    "(select string_agg(t.typname, ' ' order by o) from unnest(proargtypes) with "
    "ordinality a(oid, o) join pg_type t on t.oid = a.oid)"
)


class Routines:
    """What a catalog lists that can be called with the values of a material."""

    def __init__(self, wire: Wire, material: Material) -> None:
        self.wire = wire
        self.material = material

    def groups(self) -> list[list[Routine]]:
        """All, in groups that are chosen from alike."""
        plain = [*self._functions(), *self._operators(), *self._casts()]
        forms = [self._form(form, result) for form, result in self.material.forms]
        groups = [plain, plain, plain, forms, [*self._aggregates(), *self._sets()]]
        return [*groups, forms, [*self._pairs()]] if self.material.has_pairs else groups

    def is_left_out(self, name: str) -> bool:
        """Whether a function is not called: its answer is the server's own, or it does something."""
        material = self.material
        return name.startswith(material.left_out) and not name.startswith(material.taken)

    def _has(self, *kinds: str) -> bool:
        known = self.material.values
        return all(
            kind in known or (kind in POLYMORPHIC and (kind != "anyenum" or ENUM in known))
            for kind in kinds
        )

    def _functions(self) -> Iterator[Routine]:
        for name, arguments, result in catalog_rows(
            self.wire,
            f"select proname, {_ARGUMENTS}, r.typname from pg_proc p join pg_type r "
            "on r.oid = prorettype where pronamespace = 11 and prokind = 'f' and not proretset and "
            "provolatile <> 'v' and provariadic = 0 and p.oid < 16384 order by p.oid",
        ):
            kinds = tuple(arguments.split())
            if kinds == ("int4", "circle") or (name, kinds) == ("bpchar", ("char",)):
                continue  # as many points as one asks for; one byte of several
            if self.is_left_out(name) or OF_STEPS.search(name) or (name, len(kinds)) == ("age", 1):
                continue
            if self._has(*kinds, result):
                yield Routine(name, _called(name, kinds), kinds, result)

    def _sets(self) -> Iterator[Routine]:
        """Functions that return sets, as arrays of what they return."""
        for name, arguments in catalog_rows(
            self.wire,
            f"select proname, {_ARGUMENTS} from pg_proc p where pronamespace = 11 and prokind = 'f' and proretset "
            "and provolatile <> 'v' and provariadic = 0 and p.oid < 16384 and pronargs > 0 order by p.oid",
        ):
            kinds = tuple(arguments.split())
            if self._has(*kinds) and not self.is_left_out(name):
                first, *rest = _called(name, kinds)
                rest[-1] += ")::text"
                yield Routine(f"set {name}", (f"array(select {first}", *rest), kinds, "text")

    def _operators(self) -> Iterator[Routine]:
        for name, left, right, result in catalog_rows(
            self.wire,
            "select oprname, l.typname, r.typname, s.typname from pg_operator o left join pg_type l on "
            "l.oid = oprleft join pg_type r on r.oid = oprright join pg_type s on s.oid = oprresult "
            "where oprnamespace = 11 and oprcode <> 0 order by o.oid",
        ):
            kinds = tuple(filter(None, (left, right)))
            if self._has(*kinds, result):
                sides = ("(", f" {name} ", ")") if len(kinds) == 2 else (f"({name} ", ")")
                yield Routine(name, sides, kinds, result)

    def _casts(self) -> Iterator[Routine]:
        values = self.material.values
        pairs = catalog_rows(
            self.wire,
            "select s.typname, t.typname from pg_cast c join pg_type s on s.oid = castsource join pg_type t "
            "on t.oid = casttarget where castsource <> casttarget order by c.oid",
        )
        pairs += [(kind, "text") for kind in values] + [("text", kind) for kind in values]
        for source, target in pairs:
            if source in values and target in values:
                yield from _cast(source, target)

    def _pairs(self) -> Iterator[Routine]:
        """Casts and operators between any two types, whether there are such or not."""
        kinds = list(self.material.values)
        query = "select distinct oprname from pg_operator order by 1"
        names = [row[0] for row in catalog_rows(self.wire, query)]
        for number, left in enumerate(kinds):
            for step, right in enumerate(kinds):
                yield from _cast(left, right)
                name = names[(number * 7 + step * 3) % len(names)]
                yield Routine(f"any {name}", ("(", f" {name} ", ")"), (left, right), "")

    def _aggregates(self) -> Iterator[Routine]:
        for name, arguments, result in catalog_rows(
            self.wire,
            f"select proname, {_ARGUMENTS}, r.typname from pg_proc p join pg_type r on r.oid = prorettype "
            "join pg_aggregate a on a.aggfnoid = p.oid where pronamespace = 11 and aggkind = 'n' and provariadic = 0 "
            "and p.oid < 16384 and pronargs between 1 and 2 order by p.oid",
        ):
            kinds = tuple("anyelement" if kind == "any" else kind for kind in arguments.split())
            if not self._has(*kinds):
                continue
            for number, form in enumerate(AGGREGATED if len(kinds) == 1 else AGGREGATED_TWICE):
                filled = form
                for place, kind in enumerate(kinds):
                    filled = filled.replace(f"{{{place}}}", f"{{{kind}}}")
                answer = "text" if form.endswith("::text") else result
                made = self._form(filled.replace("{call}", name), answer)
                yield Routine(f"aggregate {number} {name}", made.template, made.arguments, answer)

    def _form(self, form: str, result: str) -> Routine:
        parts = re.split(r"\{(\w+)\}", form)
        kinds = tuple(parts[1::2])
        assert all(self._has(kind) or kind in self.material.words for kind in kinds), form
        return Routine(form, tuple(parts[::2]), kinds, result)


def _cast(source: str, target: str) -> Iterator[Routine]:
    if (source, target) not in NOT_CAST:
        shown = written(target)
        yield Routine(f"::{shown}", ("(", f")::{shown}"), (source,), target)

"""Definitions of objects as the SQL that would make them: what the pg_get_* functions print.

Expressions are printed by the Printer the session gives, since their texts are parsed again for the
prettier form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.catalog.collations import collation_text
from server.catalog.objects import Constraint, Index, IndexKey, Oid, Table, UserType
from server.catalog.qualified import qualified
from server.catalog.routine_objects import UserFunction, UserOperator
from server.catalog.views.constraints import key_type
from server.catalog.views.physical import class_text, fact_of, named_facts, operator_class, physical
from server.catalog.views.routines import function_row
from server.catalog.visibility import Path, relation_text, type_text
from server.identifiers import quote_identifier, quote_literal, split_identifiers
from server.settings import NAME_LISTS

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.statistics_objects import ExtendedStatistics
    from server.catalog.trigger_objects import Trigger

Printer = Callable[[str, bool], str]
"""Gives an expression's text: as it is kept, or (true) with only the parentheses it needs."""

BodyPrinter = Callable[[str, str, list[str]], str]
"""Gives a body of the SQL standard, whose text is kept, in a function of that name with such parameters."""

ACTIONS = {"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
ORDERED_METHODS = ("btree",)


@dataclass(frozen=True, slots=True)
class Definer:
    """Writes definitions as they look from a search path.

    Pretty: as for people, with fewer parentheses and schemas.
    """

    view: CatalogView
    path: Path
    printer: Printer
    pretty: bool = False
    bodies: BodyPrinter | None = None

    def expression(self, text: str) -> str:
        """An expression."""
        return self.printer(text, self.pretty)

    def relation(self, oid: Oid) -> str:
        """A relation's name, qualified where it must be."""
        value: Any = self.view.object(oid)
        return relation_text(self.view, self.path, value)

    def type(self, oid: Oid, modifier: int | None = None) -> str:
        """A type's name."""
        return type_text(self.view, self.path, oid, modifier)

    # Triggers

    def trigger(self, value: Trigger, function: str) -> str:
        """CREATE TRIGGER; function: the name of its function as it is to be shown."""
        table = self.view.object(value.table)
        assert isinstance(table, Table), value.name
        on = (
            self.relation(table.oid)
            if self.pretty
            else qualified(self.view, table.schema, table.name)
        )
        timing = "INSTEAD OF" if value.timing == "instead" else value.timing.upper()
        parts = [
            f"CREATE {'CONSTRAINT ' if value.constraint else ''}TRIGGER "
            f"{quote_identifier(value.name)} {timing} {self._events(value, table)} ON {on}"
        ]
        if value.constraint:
            if value.referenced_table:
                parts.append(f"FROM {self.relation(value.referenced_table)}")
            parts.append("DEFERRABLE" if value.deferrable else "NOT DEFERRABLE")
            parts.append(f"INITIALLY {'DEFERRED' if value.deferred else 'IMMEDIATE'}")
        if value.old_table or value.new_table:
            parts.append("REFERENCING")
            if value.old_table:
                parts.append(f"OLD TABLE AS {quote_identifier(value.old_table)}")
            if value.new_table:
                parts.append(f"NEW TABLE AS {quote_identifier(value.new_table)}")
        parts.append(f"FOR EACH {'ROW' if value.for_each_row else 'STATEMENT'}")
        if value.when is not None:
            parts.append(f"WHEN ({self.expression(value.when)})")
        arguments = ", ".join("'" + each.replace("'", "''") + "'" for each in value.arguments)
        parts.append(f"EXECUTE FUNCTION {function}({arguments})")
        return " ".join(parts)

    def _events(self, value: Trigger, table: Table) -> str:
        words = []
        for event in value.events:
            word = event.upper()
            if event == "update" and value.columns:
                names = (quote_identifier(table.column(number).name) for number in value.columns)
                word += f" OF {', '.join(names)}"
            words.append(word)
        return " OR ".join(words)

    # Indexes

    def index(self, value: Index) -> str:
        """CREATE INDEX."""
        table = self.view.object(value.table)
        assert isinstance(table, Table), value.name
        on = (
            self.relation(table.oid)
            if self.pretty
            else qualified(self.view, table.schema, table.name)
        )
        keys = ", ".join(self._index_key(value, table, key) for key in value.keys)
        text = (
            f"CREATE {'UNIQUE ' if value.unique else ''}INDEX {quote_identifier(value.name)} "
            f"ON {'ONLY ' if table.kind == 'p' else ''}{on} USING {value.method} ({keys})"
        )
        if value.included:
            names = (quote_identifier(table.column(number).name) for number in value.included)
            text += f" INCLUDE ({', '.join(names)})"
        if value.nulls_not_distinct:
            text += " NULLS NOT DISTINCT"
        if value.options:
            text += f" WITH ({options_text(value.options)})"
        if value.predicate is not None:
            text += f" WHERE {self.expression(value.predicate)}"
        return text

    def index_column(self, value: Index, number: int) -> str:
        """One column of an index by its position from 1; empty for none."""
        table = self.view.object(value.table)
        assert isinstance(table, Table), value.name
        if 1 <= number <= len(value.keys):
            return self._key_text(table, value.keys[number - 1])
        included = value.included[number - 1 - len(value.keys) : number - len(value.keys)]
        return quote_identifier(table.column(included[0]).name) if included and number > 0 else ""

    def _key_text(self, table: Table, key: IndexKey) -> str:
        if key.number:
            return quote_identifier(table.column(key.number).name)
        text = self.expression(key.expression or "")
        return text if is_call(text) else f"({text})"

    def _index_key(self, value: Index, table: Table, key: IndexKey) -> str:
        text = self._key_text(table, key)
        column = table.column(key.number) if key.number else None
        type_oid = key_type(table, key)
        if key.collation and key.collation != (
            (column.collation if column else 0) or physical(self.view, type_oid).collation
        ):
            text += f" COLLATE {self.collation(key.collation)}"
        if key.operator_class:
            default = operator_class(self.view, value.method, type_oid)
            own = operator_class(self.view, value.method, type_oid, key.operator_class)
            if own != default or key.class_options:
                text += f" {class_text(self.view, self.path, value.method, key.operator_class)}"
        if key.class_options:
            text += f" ({options_text(key.class_options)})"
        if value.method not in ORDERED_METHODS:
            return text
        if key.descending:
            return text + (" DESC" if key.nulls_first else " DESC NULLS LAST")
        return text + (" NULLS FIRST" if key.nulls_first else "")

    def collation(self, oid: Oid) -> str:
        """A collation's name."""
        return collation_text(self.view, oid, self.path)

    # Constraints

    def constraint(self, value: Constraint) -> str:
        """What stands behind CONSTRAINT name."""
        text = _CONSTRAINTS[value.kind](self, value)
        if value.deferrable:
            text += " DEFERRABLE"
        if value.deferred:
            text += " INITIALLY DEFERRED"
        return text if value.validated else text + " NOT VALID"

    def check(self, value: Constraint) -> str:
        """CHECK (...)."""
        condition = self.expression(value.expression or "")
        if isinstance(self.view.object(value.table), UserType):
            condition = value_in_capitals(condition)
        text = f"CHECK ({condition})"
        return text + (" NO INHERIT" if value.no_inherit else "")

    def key(self, value: Constraint) -> str:
        """PRIMARY KEY (...) or UNIQUE (...)."""
        table, index = self.view.object(value.table), self.view.object(value.index)
        assert isinstance(table, Table), value.name
        text = "PRIMARY KEY" if value.kind == "p" else "UNIQUE"
        if isinstance(index, Index) and index.nulls_not_distinct:
            text += " NULLS NOT DISTINCT"
        text += f" ({self._columns(table, value.columns)})"
        if isinstance(index, Index) and index.included:
            text += f" INCLUDE ({self._columns(table, index.included)})"
        return text

    def _columns(self, table: Table, numbers: tuple[int, ...]) -> str:
        return ", ".join(quote_identifier(table.column(number).name) for number in numbers)

    def foreign_key(self, value: Constraint) -> str:
        """FOREIGN KEY (...) REFERENCES ..."""
        table, target = self.view.object(value.table), self.view.object(value.referenced_table)
        assert isinstance(table, Table), value.name
        assert isinstance(target, Table), value.name
        text = (
            f"FOREIGN KEY ({self._columns(table, value.columns)}) REFERENCES "
            f"{self.relation(target.oid)}({self._columns(target, value.referenced_columns)})"
        )
        if value.match == "f":
            text += " MATCH FULL"
        if value.on_update in ACTIONS:
            text += f" ON UPDATE {ACTIONS[value.on_update]}"
        if value.on_delete in ACTIONS:
            text += f" ON DELETE {ACTIONS[value.on_delete]}"
        if value.delete_columns:
            text += f" ({self._columns(table, value.delete_columns)})"
        return text

    def exclusion(self, value: Constraint) -> str:
        """EXCLUDE USING method (key WITH operator, ...)."""
        table, index = self.view.object(value.table), self.view.object(value.index)
        assert isinstance(table, Table), value.name
        assert isinstance(index, Index), value.name
        keys = (
            f"{self._index_key(index, table, key)} WITH {operator_text(self.view, oid)}"
            for key, oid in zip(index.keys, value.operators, strict=True)
        )
        text = f"EXCLUDE USING {index.method} ({', '.join(keys)})"
        if index.included:
            text += f" INCLUDE ({self._columns(table, index.included)})"
        if index.predicate is not None:
            text += f" WHERE ({self.expression(index.predicate)})"
        return text

    def statistics(self, value: ExtendedStatistics) -> str:
        """CREATE STATISTICS."""
        kinds = [word for word, letter in STATISTICS_KINDS.items() if letter in value.kinds]
        shown = f" ({', '.join(kinds)})" if 0 < len(kinds) < len(STATISTICS_KINDS) else ""
        name = qualified(self.view, value.schema, value.name)
        return (
            f"CREATE STATISTICS {name}{shown} ON {', '.join(self.statistics_elements(value))} "
            f"FROM {self.relation(value.table)}"
        )

    def statistics_elements(self, value: ExtendedStatistics) -> list[str]:
        """The columns and expressions of a statistics object."""
        table = self.view.object(value.table)
        assert isinstance(table, Table), value.name
        names = [quote_identifier(table.column(number).name) for number in value.columns]
        return names + [self.expression(text) for text in value.expressions]

    # Functions

    def routine(self, oid: Oid) -> Mapping[str, Any] | None:
        """The row of pg_proc of a function."""
        value = self.view.object(oid)
        if isinstance(value, UserFunction):
            return function_row(self.view, value)
        return fact_of("pg_proc", oid)

    def arguments(self, row: Mapping[str, Any], *, identity: bool = False) -> str:
        """The list of arguments; identity: only what tells functions apart."""
        modes, names, types = argument_lists(row)
        defaults = split_defaults(row["proargdefaults"] or "") if not identity else []
        inputs = [position for position, mode in enumerate(modes) if mode in "ibv"]
        with_default = dict(zip(inputs[len(inputs) - len(defaults) :], defaults, strict=False))
        shown = []
        for position, (mode, name, type_oid) in enumerate(zip(modes, names, types, strict=True)):
            if mode == "t":
                continue
            words = [_MODES[mode] if row["prokind"] != "p" or mode != "i" else "IN"]
            words += [quote_identifier(name) if name else "", self.type(type_oid)]
            text = " ".join(word for word in words if word)
            if position in with_default:
                text += f" DEFAULT {self.expression(with_default[position])}"
            shown.append(text)
        direct = self._direct_arguments(row) if row["prokind"] == "a" else -1
        if direct < 0:
            return ", ".join(shown)
        ordered = shown[direct:] or shown[-1:]  # VARIADIC "any" stands for both
        return " ".join(filter(None, (", ".join(shown[:direct]), "ORDER BY", ", ".join(ordered))))

    def _direct_arguments(self, row: Mapping[str, Any]) -> int:
        """How many arguments of an ordered-set aggregate stand before ORDER BY; -1: it is none."""
        value = self.view.object(row["oid"])
        if isinstance(value, UserFunction) and value.aggregate is not None:
            return -1 if value.aggregate.kind == "n" else value.aggregate.direct_arguments
        for fact in named_facts("pg_aggregate"):
            if fact["aggfnoid"] == row["oid"]:
                return -1 if fact["aggkind"] == "n" else int(fact["aggnumdirectargs"])
        return -1

    def result(self, row: Mapping[str, Any]) -> str | None:
        """The result type; None for a procedure."""
        if row["prokind"] == "p":
            return None
        modes, names, types = argument_lists(row)
        columns = [
            f"{quote_identifier(name)} {self.type(type_oid)}"
            for mode, name, type_oid in zip(modes, names, types, strict=True)
            if mode == "t"
        ]
        if columns:
            return f"TABLE({', '.join(columns)})"
        return ("SETOF " if row["proretset"] else "") + self.type(row["prorettype"])

    def function(self, row: Mapping[str, Any]) -> str:
        """CREATE OR REPLACE FUNCTION."""
        word = "PROCEDURE" if row["prokind"] == "p" else "FUNCTION"
        name = qualified(self.view, row["pronamespace"], row["proname"])
        lines = [f"CREATE OR REPLACE {word} {name}({self.arguments(row)})"]
        result = self.result(row)
        if result is not None:
            lines.append(f" RETURNS {result}")
        lines.append(f" LANGUAGE {language_name(row['prolang'])}")
        if clauses := _clauses(row):
            lines.append(" " + " ".join(clauses))
        lines += [f" SET {_setting(each)}" for each in _settings(row)]
        if row["prosqlbody"] is not None:
            return "\n".join(lines) + f"\n{self.body(row)}\n"
        tag = dollar_quote(row["prosrc"], word)
        library = f"{quote_literal(row['probin'])}, " if row["probin"] is not None else ""
        return "\n".join(lines) + f"\nAS {library}{tag}{row['prosrc']}{tag}\n"

    def body(self, row: Mapping[str, Any]) -> str:
        """A body of the SQL standard, whose parameters are those that a call gives."""
        assert self.bodies is not None
        modes, names, _ = argument_lists(row)
        given = [name for mode, name in zip(modes, names, strict=True) if mode in "ibv"]
        return self.bodies(row["prosqlbody"], row["proname"], given)


def _settings(row: Mapping[str, Any]) -> list[str]:
    return list(row["proconfig"].items) if row["proconfig"] is not None else []


def _setting(text: str) -> str:
    name, _, value = text.partition("=")
    names = split_identifiers(value) if name in NAME_LISTS else None
    shown = ", ".join(map(quote_literal, [value] if names is None else names))
    return f"{quote_identifier(name)} TO {shown}"


STATISTICS_KINDS = {"ndistinct": "d", "dependencies": "f", "mcv": "m"}
_MODES = {"i": "", "o": "OUT", "b": "INOUT", "v": "VARIADIC", "t": ""}
_CONSTRAINTS: Mapping[str, Callable[[Definer, Constraint], str]] = {
    "c": Definer.check,
    "p": Definer.key,
    "u": Definer.key,
    "f": Definer.foreign_key,
    "x": Definer.exclusion,
}


def operator_text(view: CatalogView, oid: Oid) -> str:
    """An operator as it stands behind WITH."""
    value = view.object(oid)
    if isinstance(value, UserOperator):
        return f"OPERATOR({qualified(view, value.schema, value.name)})"
    fact = fact_of("pg_operator", oid)
    return str(fact["oprname"]) if fact is not None else str(oid)


def options_text(options: tuple[str, ...]) -> str:
    """Storage parameters as in WITH (...)."""
    pairs = (option.partition("=") for option in options)
    return ", ".join(f"{quote_identifier(name)}={quote_literal(value)}" for name, _, value in pairs)


def is_call(text: str) -> bool:
    """Whether an expression is one call of a function: it needs no parentheses as an index key."""
    name, bracket, _ = text.partition("(")
    if not bracket or not name.replace("_", "a").replace(".", "a").replace('"', "a").isalnum():
        return False
    depth = 0
    quoted = False
    for position, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
            if char == ")" and not depth:
                return position == len(text) - 1
    return False


def argument_lists(row: Mapping[str, Any]) -> tuple[list[str], list[str], list[Oid]]:
    """Modes, names and types of a function's arguments, output ones included."""
    types = list((row["proallargtypes"] or row["proargtypes"]).items)
    modes = list(row["proargmodes"].items) if row["proargmodes"] else ["i"] * len(types)
    names = list(row["proargnames"].items) if row["proargnames"] else [""] * len(types)
    return modes, names + [""] * (len(types) - len(names)), types


def split_defaults(text: str) -> list[str]:
    """The expressions of a comma-separated list."""
    parts, depth, quoted, current = [], 0, False, ""
    for char in text:
        if char == "'":
            quoted = not quoted
        depth += 0 if quoted else (char in "([") - (char in ")]")
        if char == "," and not depth and not quoted:
            parts.append(current.strip())
            current = ""
        else:
            current += char
    return [*parts, current.strip()] if current.strip() else parts


def language_name(oid: Oid) -> str:
    """A language by OID."""
    return next((row["lanname"] for row in named_facts("pg_language") if row["oid"] == oid), "sql")


def _clauses(row: Mapping[str, Any]) -> list[str]:
    words = {"i": "IMMUTABLE", "s": "STABLE"}
    parallel = {"s": "PARALLEL SAFE", "r": "PARALLEL RESTRICTED"}
    found = [
        "WINDOW" if row["prokind"] == "w" else "",
        words.get(row["provolatile"], ""),
        parallel.get(row["proparallel"], ""),
        "STRICT" if row["proisstrict"] else "",
        "SECURITY DEFINER" if row["prosecdef"] else "",
        "LEAKPROOF" if row["proleakproof"] else "",
        _cost(row),
        f"ROWS {row['prorows']:g}" if row["prorows"] not in (0, 1000) else "",
    ]
    return [word for word in found if word]


def _cost(row: Mapping[str, Any]) -> str:
    usual = 1 if language_name(row["prolang"]) in ("internal", "c") else 100
    return f"COST {row['procost']:g}" if row["procost"] != usual else ""


def dollar_quote(body: str, word: str) -> str:
    """A dollar quote that the body does not contain."""
    tag = word.lower()
    while f"${tag}$" in body:
        tag += "x"
    return f"${tag}$"


_VALUE = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|(?<![\w.$])value(?![\w.$])(\[)?""")


def value_in_capitals(text: str) -> str:
    """VALUE is a word of its own in the checks of domains, though it parses as a column's name."""

    def capital(found: re.Match[str]) -> str:
        if found[1]:  # a constant or a quoted name
            return found[1]
        return "(VALUE)[" if found[2] else "VALUE"

    return _VALUE.sub(capital, text)

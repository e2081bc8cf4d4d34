"""CREATE RULE of a rule, as pg_get_ruledef and pg_rules print it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import Table
from server.catalog.qualified import qualified
from server.catalog.trigger_objects import Rule
from server.catalog.visibility import relation_text
from server.identifiers import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView


def rule_definition(session: Any, rule: Rule, *, pretty: bool = False) -> str:
    """A rule's CREATE RULE; pretty: in a form for people, with names as short as the search path allows."""
    names = session.names.current()
    table = names.view.object(rule.table)
    assert isinstance(table, Table), rule.name
    parts = [
        f"CREATE RULE {quote_identifier(rule.name)} AS",
        f"\n    ON {rule.event.upper()} TO {_relation(names, table, pretty)}",
    ]
    if rule.condition is not None:
        parts.append(f"\n   WHERE {session.printed(rule.condition, pretty)}")
    parts.append(" DO INSTEAD " if rule.instead else " DO ")
    actions = [_action(session, text, pretty) for text in rule.actions]
    if not actions:
        parts.append("NOTHING;")
    elif len(actions) == 1:
        parts.append(f"{actions[0]};")
    else:
        parts.append("(" + "".join(f"{action};\n" for action in actions) + ");")
    return "".join(parts)


def return_rule_definition(session: Any, view: Table, *, pretty: bool = False) -> str:
    """CREATE RULE of the rule that makes a view a view."""
    names = session.names.current()
    query = session.printed_query(view.view_query, pretty)
    target = _relation(names, view, pretty)
    return f'CREATE RULE "_RETURN" AS\n    ON SELECT TO {target} DO INSTEAD {query};'


def listed_rules(session: Any, view: CatalogView) -> Iterator[dict[str, Any]]:
    """The rows of pg_rules."""
    for rule in view.objects(Rule):
        table = view.object(rule.table)
        assert isinstance(table, Table), rule.name
        schema = view.object(table.schema)
        yield {
            "schemaname": schema.name if schema is not None else "",
            "tablename": table.name,
            "rulename": rule.name,
            "definition": rule_definition(session, rule),
        }


def _relation(names: Any, table: Table, pretty: bool) -> str:
    if pretty:
        return relation_text(names.view, names.path, table)
    return qualified(names.view, table.schema, table.name)


def _action(session: Any, text: str, pretty: bool) -> str:
    if text.startswith("NOTIFY "):
        return f"\n    {text}"
    return f" {session.printed_query(text, pretty).lstrip()}"

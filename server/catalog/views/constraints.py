"""pg_index, pg_constraint, pg_attrdef, pg_inherits, pg_sequence, pg_rewrite.

What belongs to relations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import Constraint, Index, IndexKey, Sequence, Table, UserType
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.trigger_objects import Rule
from server.catalog.views.noted_objects import NotedObjects
from server.catalog.views.physical import (
    equality_operator,
    operator_class,
    physical,
    synthetic_oid,
)
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import char_array, oid_array, oid_vector, small_array, small_vector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.catalog.catalog_view import CatalogView

DESCENDING, NULLS_FIRST = 1, 2


def key_type(table: Table, key: IndexKey) -> int:
    """The type of an index key."""
    return key.type or table.column(key.number).type


def _key_collation(view: CatalogView, table: Table, key: IndexKey) -> int:
    if key.collation:
        return key.collation
    if key.number and table.column(key.number).collation:
        return table.column(key.number).collation
    return physical(view, key_type(table, key)).collation


def _index_row(view: CatalogView, index: Index) -> Row:
    table = view.object(index.table)
    assert isinstance(table, Table), index.name
    constraint = view.object(index.constraint) if index.constraint else None
    expressions = [key.expression for key in index.keys if not key.number and key.expression]
    return {
        "indexrelid": index.oid,
        "indrelid": index.table,
        "indnatts": len(index.keys) + len(index.included),
        "indnkeyatts": len(index.keys),
        "indisunique": index.unique,
        "indnullsnotdistinct": index.nulls_not_distinct,
        "indisprimary": index.primary,
        "indisexclusion": isinstance(constraint, Constraint) and constraint.kind == "x",
        "indimmediate": not (isinstance(constraint, Constraint) and constraint.deferrable),
        "indisclustered": index.clustered,
        "indisvalid": index.valid,
        "indcheckxmin": False,
        "indisready": index.ready,
        "indislive": index.live,
        "indisreplident": index.replica_identity,
        "indkey": small_vector([*(key.number for key in index.keys), *index.included]),
        "indcollation": oid_vector(_key_collation(view, table, key) for key in index.keys),
        "indclass": oid_vector(
            operator_class(view, index.method, key_type(table, key), key.operator_class)
            for key in index.keys
        ),
        "indoption": small_vector(
            key.descending * DESCENDING + key.nulls_first * NULLS_FIRST for key in index.keys
        ),
        "indexprs": ", ".join(expressions) or None,
        "indpred": index.predicate,
    }


def _statistics(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(ExtendedStatistics):
        yield {
            "oid": value.oid,
            "stxrelid": value.table,
            "stxname": value.name,
            "stxnamespace": value.schema,
            "stxowner": value.owner,
            "stxstattarget": value.target,
            "stxkeys": small_vector(value.columns),
            "stxkind": char_array(value.kinds),
            "stxexprs": ", ".join(value.expressions) or None,
        }


def _indexes(view: CatalogView) -> Iterator[Index]:
    yield from view.state.of_kind(Index)
    for shown in view.state.shown.values():
        if isinstance(shown, Index):
            yield shown


_CONSTRAINT_DEFAULTS: dict[str, Any] = {
    "contypid": 0,
    "conindid": 0,
    "conparentid": 0,
    "confrelid": 0,
    "confupdtype": "",
    "confdeltype": "",
    "confmatchtype": "",
    "conislocal": True,
    "coninhcount": 0,
}


def _constraint_row(view: CatalogView, value: Constraint) -> Row:
    is_partitioned = getattr(view.object(value.table), "kind", "r") == "p"
    row = _CONSTRAINT_DEFAULTS | {
        "oid": value.oid,
        "conname": value.name,
        "connamespace": value.schema,
        "contype": value.kind,
        "condeferrable": value.deferrable,
        "condeferred": value.deferred,
        "convalidated": value.validated,
        "conrelid": value.table,
        "conindid": value.index,
        "connoinherit": value.no_inherit
        or (value.kind in "pux" and not value.parent)
        or (value.kind == "f" and not value.parent and not is_partitioned),
        "conislocal": value.local,
        "coninhcount": value.inherited,
        "conparentid": value.parent,
        "conkey": small_array(value.columns) if value.columns else None,
        "conbin": value.expression,
        "conexclop": oid_array(value.operators) if value.operators else None,
    }
    if isinstance(view.object(value.table), UserType):
        row |= {"conrelid": 0, "contypid": value.table, "conkey": None}
    return row | _foreign_key(view, value) if value.kind == "f" else row


def _foreign_key(view: CatalogView, value: Constraint) -> dict[str, Any]:
    source, target = view.object(value.table), view.object(value.referenced_table)
    assert isinstance(source, Table), value.name
    assert isinstance(target, Table), value.name
    pairs = [
        (source.column(mine).type, target.column(other).type)
        for mine, other in zip(value.columns, value.referenced_columns, strict=True)
    ]
    return {
        "confrelid": value.referenced_table,
        "confupdtype": value.on_update,
        "confdeltype": value.on_delete,
        "confmatchtype": value.match,
        "confkey": small_array(value.referenced_columns),
        "conpfeqop": oid_array(equality_operator(other, mine) for mine, other in pairs),
        "conppeqop": oid_array(equality_operator(other, other) for _, other in pairs),
        "conffeqop": oid_array(equality_operator(mine, mine) for mine, _ in pairs),
        "confdelsetcols": small_array(value.delete_columns) if value.delete_columns else None,
    }


def _constraints(view: CatalogView) -> Iterable[Constraint]:
    return view.state.of_kind(Constraint)


def _defaults(view: CatalogView) -> Iterator[Row]:
    for table in view.state.of_kind(Table):
        for column in table.live_columns:
            if column.listed_default is not None:
                yield {
                    "oid": synthetic_oid(table.oid, column.number),
                    "adrelid": table.oid,
                    "adnum": column.number,
                    "adbin": column.default,
                }


def _sequences(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(Sequence):
        yield {
            "seqrelid": value.oid,
            "seqtypid": value.type,
            "seqstart": value.start,
            "seqincrement": value.increment,
            "seqmax": value.maximum,
            "seqmin": value.minimum,
            "seqcache": value.cache,
            "seqcycle": value.cycle,
        }


def rule_oid(view_oid: int) -> int:
    """The OID of the rule that makes a view a view."""
    return synthetic_oid(view_oid, 0)


RULE_EVENTS = {"update": "2", "insert": "3", "delete": "4"}


def _rules(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(Rule, Table):
        if isinstance(value, Rule):
            yield {
                "oid": value.oid,
                "rulename": value.name,
                "ev_class": value.table,
                "ev_type": RULE_EVENTS[value.event],
                "ev_enabled": value.enabled,
                "is_instead": value.instead,
                "ev_qual": value.condition or "<>",
                "ev_action": "; ".join(value.actions) or "<>",
            }
        if isinstance(value, Table) and value.kind in "vm":
            yield {
                "oid": rule_oid(value.oid),
                "rulename": "_RETURN",
                "ev_class": value.oid,
                "ev_type": "1",
                "ev_enabled": "O",
                "is_instead": True,
                "ev_qual": "<>",
                "ev_action": value.view_query,
            }


def _inheritance(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(Table, Index):
        parents: tuple[int, ...] = ()
        if isinstance(value, Table):
            parents = value.parents
        elif isinstance(value, Index) and value.parent:
            parents = (value.parent,)
        for number, parent in enumerate(parents, 1):
            yield {
                "inhrelid": value.oid,
                "inhparent": parent,
                "inhseqno": number,
                "inhdetachpending": value.oid in view.state.detaching,
            }


def _partitioned(view: CatalogView) -> Iterator[Row]:
    for table in view.state.of_kind(Table):
        if table.partition_key is None:
            continue
        key = table.partition_key
        default = next(
            (c.oid for c in view.children_of(table.oid) if c.bound and c.bound.is_default), 0
        )
        method = "hash" if key.strategy == "hash" else "btree"
        yield {
            "partrelid": table.oid,
            "partstrat": key.strategy[0],
            "partnatts": len(key.parts),
            "partdefid": default,
            "partattrs": small_vector(part.number for part in key.parts),
            "partclass": oid_vector(
                operator_class(view, method, part.type, part.operator_class) for part in key.parts
            ),
            "partcollation": oid_vector(part.collation for part in key.parts),
            "partexprs": ", ".join(part.expression for part in key.parts if part.expression)
            or None,
        }


RELATIONS = (
    SystemRelation(name="pg_statistic_ext", objects=_statistics),
    SystemRelation(
        name="pg_index",
        file="pg_index",
        noted=NotedObjects(_indexes, lambda view, value: (_index_row(view, value),)),
    ),
    SystemRelation(
        name="pg_constraint",
        file="pg_constraint",
        noted=NotedObjects(
            _constraints,
            lambda view, value: (_constraint_row(view, value),),
        ),
    ),
    SystemRelation(name="pg_attrdef", objects=_defaults),
    SystemRelation(name="pg_sequence", objects=_sequences),
    SystemRelation(name="pg_rewrite", objects=_rules),
    SystemRelation(name="pg_inherits", objects=_inheritance),
    SystemRelation(name="pg_partitioned_table", objects=_partitioned),
)

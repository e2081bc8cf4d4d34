"""Catalog objects as frozen values.

What DDL makes, what the binder looks up, what system views show.

Rule 1: an object is never changed; ALTER puts a new value with the same OID in its place.
Rule 2: objects refer to each other by OID only.
Rule 3: expressions of users (defaults, checks, view queries) are kept as SQL text, as PostgreSQL
        would print them, and bound again when a plan needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server.oids import FIRST_USER_OID

Oid = int

PG_CATALOG_OID = 11
PUBLIC_OID = 2200
INFORMATION_SCHEMA_OID = 13207
PG_TOAST_OID = 99
BOOTSTRAP_ROLE_OID = 10
READ_ALL_STATS_OID = 3375
"""pg_read_all_stats: its members see what others do."""
TEMPORARY_PREFIX = "pg_temp_"
"""What the names of sessions' temporary schemas begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogObject:
    """Anything with an OID and a name. acl None: the default privileges of its kind."""

    oid: Oid
    name: str
    owner: Oid = BOOTSTRAP_ROLE_OID
    acl: tuple[str, ...] | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema(CatalogObject):
    """A namespace."""

    @property
    def is_temporary(self) -> bool:
        """Whether it is that of a session's temporary objects."""
        return self.name.startswith(TEMPORARY_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a relation.

    Number is the attribute number (1...), never reused; storage keeps it at number - 1.
    """

    number: int
    name: str
    type: Oid
    modifier: int = -1
    not_null: bool = False
    default: str | None = None  # SQL text
    identity: str = ""  # a always, d by default
    generated: str = ""  # s stored: default is its expression
    foreign_options: tuple[str, ...] = ()
    dropped: bool = False
    collation: Oid = 0
    dimensions: int = 0
    missing: Any = None  # storage form of the value of rows written before the column was added
    comment: str | None = None
    acl: tuple[str, ...] | None = None
    statistics_target: int = -1
    storage: str = ""  # as in pg_attribute; empty: that of the type
    compression: str = ""
    options: tuple[str, ...] = ()
    inherited: int = 0  # from how many parents
    local: bool = True  # defined here, whether a parent has it too or not

    @property
    def listed_default(self) -> str | None:
        """The default that catalogs list: a plain NULL is as good as none, but for what a length or a domain checks."""
        default = self.default
        if default is None or self.modifier >= 0 or self.type >= FIRST_USER_OID or self.generated:
            return default
        return None if default.startswith("NULL::") and "(" not in default else default


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionKeyPart:
    """A column of a partition key by number, or an expression (number 0) as SQL text."""

    number: int
    type: Oid
    expression: str | None = None
    collation: Oid = 0
    operator_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionKey:
    """PARTITION BY: strategy is list, range or hash."""

    strategy: str
    parts: tuple[PartitionKeyPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionBound:
    """FOR VALUES ... of a partition, values as texts of the key's types.

    values: of a list, None for NULL. lower (included) and upper (not included): of a range, pairs of
    minvalue, value or maxvalue and the text of a value.
    """

    strategy: str = ""
    is_default: bool = False
    modulus: int = 0
    remainder: int = 0
    values: tuple[str | None, ...] = ()
    lower: tuple[tuple[str, str], ...] = ()
    upper: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    """The TOAST relation of a table and its index, by OID, and what the catalog shows of their storage.

    Long values are stored with the rows, so that these relations are there to be named, and empty.
    """

    oid: Oid
    index: Oid
    filenode: Oid = 0  # 0: its own OID
    index_filenode: Oid = 0
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(CatalogObject):
    """A relation with columns.

    Kind as in pg_class: r table, v view, m materialized view, p partitioned table, c composite
    type, f foreign table, t TOAST relation.

    storage_id is the relation's number in storage (0: none); a rewrite or TRUNCATE gives a new one.
    Relations of pg_catalog and information_schema that are computed have `provider`, the name of
    what computes them.
    """

    schema: Oid
    kind: str = "r"
    columns: tuple[Column, ...] = ()
    storage_id: int = 0
    persistence: str = (
        "p"  # p permanent, u unlogged, t temporary; what is not permanent no crash leaves
    )
    row_type: Oid = 0
    array_type: Oid = 0  # of arrays of rows; a composite type's is that of its UserType
    view_query: str | None = None
    view_path: tuple[Oid, ...] = ()  # schemas that the names in the query are looked up in
    depends_on: tuple[Oid, ...] = ()  # relations and types that a view's query reads
    reads: tuple[tuple[Oid, int], ...] = ()  # columns, by relation and number, that it reads
    options: tuple[str, ...] = ()
    parents: tuple[Oid, ...] = ()  # whose rows the rows of this table are too
    partition_key: PartitionKey | None = None  # of a partitioned table
    bound: PartitionBound | None = None  # of a partition: which rows of its parent it has
    detached_xid: int = 0  # since whose commit it is being detached: who looks later does not see it below its parent
    of_type: Oid = 0  # the composite type of a typed table
    provider: str = ""
    replica_identity: str = "d"  # d primary key, n nothing, f all columns, i an index
    filenode: Oid = 0  # what pg_class shows of its storage; 0: its own OID
    temporary_on_commit: str = ""  # of temporary tables: delete or drop
    row_security: bool = False
    force_row_security: bool = False  # for the owner too
    tablespace: Oid = 0  # where it was said to be; 0: where its database is
    populated: bool = True  # of a materialized view: whether it may be read
    server: Oid = 0  # of a foreign table
    foreign_options: tuple[str, ...] = ()
    toast: Toast | None = None
    system_acls: tuple[tuple[int, tuple[str, ...]], ...] = ()  # of system columns, by number

    @property
    def is_logged(self) -> bool:
        """Whether its rows outlive a crash."""
        return self.persistence == "p"

    @property
    def is_partition(self) -> bool:
        """Whether the table is a partition of another one."""
        return self.bound is not None

    def reader(self, user: Oid) -> Oid:
        """Whose rights a view's query has: its owner's, or with security_invoker those of the user."""
        truths = ("true", "on", "yes", "1")
        invokes = any(f"security_invoker={text}" in self.options for text in truths)
        return user if invokes else self.owner

    @property
    def live_columns(self) -> tuple[Column, ...]:
        """The columns that have not been dropped."""
        return tuple(column for column in self.columns if not column.dropped)

    def column_acl(self, number: int) -> tuple[str, ...] | None:
        """The privileges on a column, which may be one of the system's."""
        return self.column(number).acl if number > 0 else dict(self.system_acls).get(number)

    def column(self, number: int) -> Column:
        """The column with that attribute number."""
        return self.columns[number - 1]

    def column_named(self, name: str) -> Column | None:
        """The live column of that name."""
        for column in self.columns:
            if column.name == name and not column.dropped:
                return column
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexKey:
    """One key of an index: a column by number, or an expression (number 0) as SQL text."""

    number: int
    expression: str | None = None
    type: Oid = 0
    descending: bool = False
    nulls_first: bool = False
    collation: Oid = 0
    operator_class: str = ""
    class_options: tuple[str, ...] = ()  # of the operator class, name=value
    statistics_target: int = -1
    called: str = ""  # what an expression's column is called


@dataclass(frozen=True, slots=True, kw_only=True)
class Index(CatalogObject):
    """An index of a table."""

    schema: Oid
    table: Oid
    storage_id: int
    keys: tuple[IndexKey, ...]
    included: tuple[int, ...] = ()
    method: str = "btree"
    unique: bool = False
    primary: bool = False
    nulls_not_distinct: bool = False
    predicate: str | None = None
    valid: bool = True  # it has an entry for every row, so that queries may use it
    ready: bool = True  # writers enter their rows; else they only take note of changed keys
    live: bool = True  # False: it is being dropped, and concerns nobody
    constraint: Oid = 0
    options: tuple[str, ...] = ()
    parent: Oid = 0  # the index of the partitioned table that this one is the part of
    clustered: bool = False
    replica_identity: bool = False
    tablespace: Oid = 0
    filenode: Oid = 0  # what pg_class shows of its storage; 0: its own OID
    inverted: bool = (
        False  # of gin and gist: it has entries, as all of its operator classes are known
    )
    filled_xid: int = (
        0  # who filled it from versions of rows of that time: older snapshots cannot use it
    )

    @property
    def is_searched(self) -> bool:
        """Whether rows have an entry each, by the order of their keys."""
        return self.method in ("btree", "hash")

    @property
    def has_entries(self) -> bool:
        """Whether entries are kept; of a spgist or brin index, and of some gist ones, only the definition is."""
        return self.is_searched or self.inverted

    @property
    def computes(self) -> bool:
        """Whether functions say which rows it has, or under which keys."""
        return self.predicate is not None or any(key.expression for key in self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint(CatalogObject):
    """A constraint of a table.

    Kind as in pg_constraint: p primary key, u unique, c check, f foreign key, x exclusion.
    """

    schema: Oid
    table: Oid
    kind: str
    columns: tuple[int, ...] = ()
    index: Oid = 0
    expression: str | None = None  # of a check
    referenced_table: Oid = 0
    referenced_columns: tuple[int, ...] = ()
    on_update: str = "a"  # a no action, r restrict, c cascade, n set null, d set default
    on_delete: str = "a"
    delete_columns: tuple[int, ...] = ()
    match: str = "s"  # s simple, f full
    deferrable: bool = False
    deferred: bool = False
    check_enabled: str = "O"  # of a foreign key, its triggers' tgenabled: on the table that refers
    action_enabled: str = "O"  # and on the one that is referred to
    validated: bool = True
    no_inherit: bool = False
    inherited: int = 0  # from how many parents
    local: bool = True  # defined here, whether a parent has it too or not
    parent: Oid = 0  # the constraint of the partitioned table that this one came with
    operators: tuple[Oid, ...] = ()  # of an exclusion, one for each key of its index


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(CatalogObject):
    """A sequence's definition; its current value lives in storage under storage_id."""

    schema: Oid
    storage_id: int
    type: Oid = 20
    start: int = 1
    increment: int = 1
    minimum: int = 1
    maximum: int = 2**63 - 1
    cache: int = 1
    cycle: bool = False
    owned_by: tuple[Oid, int] | None = None  # table, attribute number
    owned_kind: str = "a"  # a auto (serial), i internal (identity)
    persistence: str = "p"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseTypeParts:
    """What CREATE TYPE says of a base type, as in pg_type; functions by OID, 0 for none.

    The model is the built-in type whose values it has: that of its input and output functions.
    """

    model: Oid
    input: Oid
    output: Oid
    receive: Oid = 0
    send: Oid = 0
    modifier_in: Oid = 0
    modifier_out: Oid = 0
    analyze: Oid = 0
    subscript: Oid = 0
    length: int = -1
    by_value: bool = False
    alignment: str = "i"
    storage: str = "p"
    category: str = "U"
    preferred: bool = False
    delimiter: str = ","
    element: Oid = 0
    collation: Oid = 0
    default: str | None = None  # as a value's text; the type's own `default` is SQL


@dataclass(frozen=True, slots=True, kw_only=True)
class UserType(CatalogObject):
    """A type made by a user.

    Kinds: b base (see BaseTypeParts; without any it is a shell), e enum, d domain, c composite (its columns are those
    of `relation`), r range over `base_type`, m the multirange of the range that is its `base_type`.
    A range knows its multirange as `partner`; both bring functions of their name, whose OIDs are
    `constructors`. `subtype_class` is the operator class a range was given, 0 for the default one.
    """

    schema: Oid
    kind: str
    array_oid: Oid = 0
    labels: tuple[tuple[Oid, float, str], ...] = ()  # of an enum: OID, sort position, label
    base_type: Oid = 0  # of a domain
    base_modifier: int = -1
    not_null: bool = False
    default: str | None = None
    default_shown: str | None = None  # as it was when it was set; names in it stay
    relation: Oid = 0
    partner: Oid = 0
    codecs: str = (
        ""  # of a base type of an extension: what makes its codecs, in server.extensions.registry
    )
    base: BaseTypeParts | None = None
    constructors: tuple[Oid, ...] = ()
    subtype_class: Oid = 0
    subtype_difference: Oid = 0  # the function that measures how far two bounds are apart
    collation: Oid = 0  # of a domain, 0 for that of its type; of a range's values


@dataclass(frozen=True, slots=True, kw_only=True)
class Role(CatalogObject):
    """A role. password is a SCRAM verifier, never a plain password."""

    superuser: bool = False
    inherit: bool = True
    create_role: bool = False
    create_database: bool = False
    login: bool = False
    replication: bool = False
    bypass_row_security: bool = False
    connection_limit: int = -1
    password: str | None = None
    valid_until: int | None = None
    settings: tuple[str, ...] = ()
    members: tuple[tuple[Oid, bool], ...] = ()  # member role, with admin option


@dataclass(frozen=True, slots=True, kw_only=True)
class Database(CatalogObject):
    """A database."""

    encoding: int = 6
    collate: str = "C.UTF-8"
    ctype: str = "C.UTF-8"
    is_template: bool = False
    allow_connections: bool = True
    connection_limit: int = -1
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(CatalogObject):
    """A policy of row level security.

    command: * all, r, a, w or d. roles: 0 is everybody. path: where names in the texts are looked up.
    """

    table: Oid
    command: str = "*"
    permissive: bool = True
    roles: tuple[Oid, ...] = (0,)
    using: str | None = None
    with_check: str | None = None
    path: tuple[Oid, ...] = ()
    depends_on: tuple[Oid, ...] = ()  # relations that the texts read


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionObject(CatalogObject):
    """An extension; members are the objects that came with it. requires: the names of others that it stands on.

    privileges: those that its script has given to or taken from members, so that dumps leave them out.
    """

    schema: Oid
    version: str
    members: tuple[Oid, ...] = ()
    requires: tuple[str, ...] = ()
    privileges: tuple[tuple[Oid, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultPrivileges(CatalogObject):
    """What acl new objects of the owner get: everywhere (schema 0), or in addition in a schema.

    letter: of the kind of objects, as in pg_default_acl.
    """

    schema: Oid
    letter: str

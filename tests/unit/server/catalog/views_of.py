"""Catalog views made by hand."""

from types import SimpleNamespace

from server.catalog.catalog_view import CatalogView
from server.catalog.initial import DATABASES, public_schema
from server.catalog.names import CatalogNames
from server.catalog.objects import Column, Constraint, Index, IndexKey, Role, Sequence, Table
from server.catalog.state import CatalogState
from server.sql.printed import printed, printed_query

SUPERUSER = Role(oid=10, name="postgres", superuser=True, login=True)
TABLE = Table(
    oid=20000,
    name="t",
    schema=2200,
    row_type=20001,
    storage_id=1,
    columns=(
        Column(number=1, name="id", type=23, not_null=True, default="nextval('20010'::regclass)"),
        Column(number=2, name="Big", type=1043, modifier=24, collation=100),
        Column(number=3, name="gone", type=25, dropped=True),
    ),
)
INDEX = Index(
    oid=20005,
    name="t_pkey",
    schema=2200,
    table=20000,
    storage_id=2,
    keys=(IndexKey(number=1),),
    unique=True,
    primary=True,
    constraint=20006,
)
KEY = Constraint(
    oid=20006, name="t_pkey", schema=2200, table=20000, kind="p", columns=(1,), index=20005
)
CHECK = Constraint(
    oid=20007,
    name="t_check",
    schema=2200,
    table=20000,
    kind="c",
    columns=(1,),
    expression="(id > 0)",
)
SEQUENCE = Sequence(oid=20010, name="t_id_seq", schema=2200, storage_id=3, owned_by=(20000, 1))
OBJECTS = (*DATABASES, SUPERUSER, public_schema(), TABLE, INDEX, KEY, CHECK, SEQUENCE)


def view_of(*more):
    """A view of the table t and more objects."""
    return CatalogView(CatalogState((*OBJECTS, *more), version=1))


def session_of(view, path=(11, 2200)):
    """As much of a session as computed relations ask for."""
    names = CatalogNames(view, path, "postgres")
    return SimpleNamespace(
        transaction=SimpleNamespace(catalog=view),
        names=SimpleNamespace(current=lambda: names),
        printed=lambda text, pretty: printed(text, pretty, names),
        updatable_events=lambda oid, triggers, column=0: 28,  # every view can be changed
        printed_query=lambda text, pretty: printed_query(text, pretty, names),
        database=SimpleNamespace(engine=SimpleNamespace(log=SimpleNamespace(horizon=lambda: 700))),
        database_name="postgres",
        user_oid=10,
    )

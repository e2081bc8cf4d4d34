"""The stored objects of a new cluster.

The first role, three databases, and the schema public of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import (
    BOOTSTRAP_ROLE_OID,
    PUBLIC_OID,
    CatalogObject,
    Database,
    Oid,
    Role,
    Schema,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = 0
TEMPLATE1_OID, TEMPLATE0_OID, POSTGRES_OID = 1, 4, 5
DATABASE_OWNER_OID = 6171  # the predefined role pg_database_owner

_TEMPLATE_ACL = (f"0=c/{BOOTSTRAP_ROLE_OID}", f"{BOOTSTRAP_ROLE_OID}=CTc/{BOOTSTRAP_ROLE_OID}")
DATABASES = (
    Database(oid=TEMPLATE1_OID, name="template1", is_template=True, acl=_TEMPLATE_ACL),
    Database(
        oid=TEMPLATE0_OID,
        name="template0",
        is_template=True,
        allow_connections=False,
        acl=_TEMPLATE_ACL,
    ),
    Database(oid=POSTGRES_OID, name="postgres"),
)
_PUBLIC_ACL = (f"{DATABASE_OWNER_OID}=UC/{DATABASE_OWNER_OID}", f"0=U/{DATABASE_OWNER_OID}")


def public_schema() -> Schema:
    """The schema every database starts with."""
    return Schema(
        oid=PUBLIC_OID,
        name="public",
        owner=DATABASE_OWNER_OID,
        acl=_PUBLIC_ACL,
        comment="standard public schema",
    )


def initial_objects(superuser: str, password: str | None) -> Iterator[tuple[Oid, CatalogObject]]:
    """Each stored object with the database it belongs to; password is a SCRAM verifier."""
    yield (
        SHARED,
        Role(
            oid=BOOTSTRAP_ROLE_OID,
            name=superuser,
            superuser=True,
            create_role=True,
            create_database=True,
            login=True,
            replication=True,
            bypass_row_security=True,
            password=password,
        ),
    )
    for database in DATABASES:
        yield SHARED, database
        yield database.oid, public_schema()

"""The registry is complete and its types fit together."""

import numpy as np
import pytest

from server.types.columns import STORAGE_DTYPES
from server.types.registry import ARRAY_TYPES, SCALAR_TYPES, TYPE_BY_NAME, TYPE_BY_OID, TYPES

FOUNDATION = """
bool int2 int4 int8 oid xid xid8 cid tid regclass regtype regproc regprocedure regoper
regnamespace regrole pg_lsn float4 float8 numeric text varchar bpchar name char unknown cstring
bytea date time timetz timestamp timestamptz interval uuid json jsonb bit varbit int2vector
oidvector pg_node_tree aclitem record void any anyelement anyarray anynonarray anyenum
anycompatible anycompatiblearray trigger internal language_handler
"""


def test_the_foundation_is_there():
    assert set(FOUNDATION.split()) <= set(TYPE_BY_NAME)


def test_oids_and_names_are_unique():
    assert len(TYPE_BY_OID) == len(TYPE_BY_NAME) == len(TYPES)


def test_arrays_and_elements_point_at_each_other():
    for type_ in ARRAY_TYPES:
        assert TYPE_BY_OID[type_.element_oid].array_oid == type_.oid
    for type_ in SCALAR_TYPES:
        assert not type_.array_oid or TYPE_BY_OID[type_.array_oid].element_oid == type_.oid


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.name)
def test_physical_form_is_possible(type_):
    assert type_.storage_kind in {*STORAGE_DTYPES, "BYTES"}
    is_object = type_.dtype == np.dtype(object)
    assert is_object or STORAGE_DTYPES[type_.storage_kind] == type_.dtype
    assert (type_.modifier_in is None) == (type_.modifier_out is None)
    assert (type_.store_value is None) == (type_.load_value is None)


def test_preferred_types_are_postgresqls():
    preferred = {type_.name for type_ in SCALAR_TYPES if type_.preferred}
    assert preferred == {
        "bool",
        "text",
        "float8",
        "oid",
        "timestamptz",
        "interval",
        "varbit",
        "inet",
    }

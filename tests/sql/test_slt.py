"""Runs the .slt files of this folder: by both protocols, and pg_*.slt on PostgreSQL as well."""

from pathlib import Path

import psycopg
import pytest

from tests.support.conversation import Client
from tests.support.engine import memory_database
from tests.support.slt import REWRITING, extended, libpq, play, rewrite, simple

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.slt"))
ORACLE_FILES = [path for path in FILES if path.name.startswith("pg_")]


@pytest.mark.parametrize("protocol", [simple, extended])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file(path, protocol):
    with memory_database() as database:
        client = Client(database)
        if REWRITING and path not in ORACLE_FILES:
            rewrite(path, protocol(client))
        assert play(path, protocol(client)) == [] or REWRITING
        client.close()


@pytest.mark.parametrize("path", ORACLE_FILES, ids=lambda path: path.stem)
def test_postgresql_agrees(path, oracle):
    name = f"slt_{path.stem}"
    with psycopg.connect(oracle.dsn, autocommit=True) as setup:
        setup.execute(f"create database {name} template template0")
    dsn = oracle.dsn.replace("dbname=postgres", f"dbname={name}")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set timezone to 'UTC'")
        if REWRITING:
            rewrite(path, libpq(connection))
            return
        assert play(path, libpq(connection)) == []

"""Large objects and FunctionCall as libpq's clients use them."""

import os
import shutil
import subprocess

import pytest
from psycopg import pq

PSQL = shutil.which("psql")


@pytest.mark.skipif(PSQL is None, reason="no psql")
def test_psql_imports_and_exports(connection, tmp_path):
    data = bytes(range(256)) * 200
    (tmp_path / "in").write_bytes(data)
    script = (
        f"\\lo_import {tmp_path}/in 'of psql'\n\\lo_export :LASTOID {tmp_path}/out\n\\lo_list\n"
    )
    info = connection.info
    dsn = f"host={info.host} port={info.port} user={info.user} dbname={info.dbname}"
    ran = subprocess.run(
        [PSQL, "-X", dsn],
        input=script,
        env={**os.environ, "PGPASSWORD": info.password},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert not ran.stderr
    assert "of psql" in ran.stdout
    assert (tmp_path / "out").read_bytes() == data
    assert connection.execute("select sum(length(data)) from pg_largeobject").fetchone() == (
        len(data),
    )


def test_writers_come_one_after_the_other_and_a_rollback_takes_back(connection):
    number = connection.execute("select lo_from_bytea(0, 'abc')").fetchone()[0]
    with connection.transaction(force_rollback=True):
        connection.execute("select lo_put(%s, 1, 'XYZ')", (number,))
        assert connection.execute("select lo_get(%s)", (number,)).fetchone() == (b"aXYZ",)
    assert connection.execute("select lo_get(%s)", (number,)).fetchone() == (b"abc",)
    assert connection.pgconn.transaction_status == pq.TransactionStatus.IDLE

"""Clients that speak another encoding than UTF8."""

import psycopg
import pytest


@pytest.fixture
def speaking(connection):
    """Open connections with a client_encoding."""
    opened = []

    def connect(encoding):
        client = psycopg.connect(
            connection.info.dsn, client_encoding=encoding, autocommit=True, password="x"
        )
        opened.append(client)
        return client

    yield connect
    for client in opened:
        client.close()


def run(client, sql, codec):
    """Send the bytes of a text; give the bytes of names, values and of the error."""
    result = client.pgconn.exec_(sql.encode(codec))
    names = [result.fname(number) for number in range(result.nfields)]
    rows = [
        [result.get_value(row, number) for number in range(result.nfields)]
        for row in range(result.ntuples)
    ]
    return names, rows, result.error_message


CODECS = [("latin1", "latin-1"), ("win1251", "cp1251"), ("sjis", "cp932"), ("euc_jp", "euc_jp")]
SAMPLES = {"latin-1": "grüße", "cp1251": "привет", "cp932": "表示", "euc_jp": "日本語"}


@pytest.mark.parametrize(("encoding", "codec"), CODECS)
def test_names_and_values_both_ways(speaking, encoding, codec):
    client, text = speaking(encoding), SAMPLES[codec]
    names, rows, _ = run(client, f"select '{text}' as \"{text}\", length('{text}')", codec)
    assert names == [text.encode(codec), b"length"]
    assert rows == [[text.encode(codec), b"%d" % len(text)]]
    assert client.info.parameter_status("client_encoding") == encoding.upper()


@pytest.mark.parametrize("binary", [False, True])
def test_parameters_and_results(speaking, binary):
    client = speaking("latin9")
    mark = "%b" if binary else "%t"
    with client.cursor(binary=binary) as cursor:
        cursor.execute(f"select {mark}::text, {mark}::text[]", ("€é", ["€", None, "a"]))
        assert cursor.fetchone() == ("€é", ["€", None, "a"])
    stored = client.execute("select convert_to('€', 'UTF8')").fetchone()
    assert stored == (b"\xe2\x82\xac",)


def test_point_reads_do_not_skip_the_conversion(speaking):
    client = speaking("latin1")
    client.execute("create table t(k int primary key, v text)")
    client.execute("insert into t values (1, 'é')")
    for _ in range(4):
        assert run(client, "select v from t where k = 1", "ascii")[1] == [[b"\xe9"]]
        assert client.execute("select v from t where k = %s", (1,)).fetchone() == ("é",)


def test_what_the_client_cannot_have_is_an_error(speaking):
    client = speaking("latin1")
    wanted = (
        'character with byte sequence 0xe2 0x82 0xac in encoding "UTF8" '
        'has no equivalent in encoding "LATIN1"'
    )
    for sql in (
        r"select U&'\20ac'",
        r'select 1 as U&"\20ac"',
        r"do $$ begin raise notice '%', chr(8364); end $$",
        r"do $$ begin raise exception '%', chr(8364); end $$",
    ):
        with pytest.raises(psycopg.errors.UntranslatableCharacter) as failure:
            client.execute(sql)
        assert failure.value.diag.message_primary == wanted
    assert client.execute("select 1").fetchone() == (1,)


def test_bytes_that_are_no_text(speaking):
    client = speaking("euc_jp")
    result = client.pgconn.exec_(b"select '\xa1'")
    assert result.error_field(ord("C")) == b"22021"
    assert b'"EUC_JP": 0xa1 0x27' in result.error_message
    assert client.execute("select 1").fetchone() == (1,)


def test_errors_are_in_the_encoding_too(speaking):
    _, _, error = run(speaking("latin1"), 'select * from "é"', "latin-1")
    assert b'relation "\xe9" does not exist' in error


def test_it_changes_with_the_setting_and_comes_back_with_a_rollback(speaking):
    client = speaking("utf8")
    assert run(client, "set client_encoding = latin1; select chr(233)", "ascii")[1] == [[b"\xe9"]]
    run(client, "begin; set client_encoding = utf8", "ascii")
    assert run(client, "select chr(233)", "ascii")[1] == [["é".encode()]]
    run(client, "rollback", "ascii")
    assert run(client, "select chr(233)", "ascii")[1] == [[b"\xe9"]]


@pytest.mark.parametrize("form", ["text", "csv"])
def test_copy_is_converted(speaking, form):
    client = speaking("latin1")
    client.execute("create table c(v text)")
    with client.cursor() as cursor:
        with cursor.copy(f"copy c from stdin (format {form})") as copy:
            copy.write(b"gr\xfc\xdfe\n")
        with cursor.copy(f"copy c from stdin (format {form}, encoding 'euc_jp')") as copy:
            for byte in "日本\n".encode("euc_jp"):
                copy.write(bytes([byte]))
        with cursor.copy(f"copy c to stdout (format {form}, encoding 'utf8')") as copy:
            assert b"".join(map(bytes, copy)).decode() == "grüße\n日本\n"
        with cursor.copy(f"copy (select v from c where v < 'h') to stdout (format {form})") as copy:
            assert b"".join(map(bytes, copy)) == b"gr\xfc\xdfe\n"


def test_copy_names_the_line_that_is_no_text(speaking):
    client = speaking("utf8")
    client.execute("create table c(v text)")
    with (
        pytest.raises(psycopg.errors.CharacterNotInRepertoire) as failure,
        client.cursor().copy("copy c from stdin (encoding 'euc_jp')") as copy,
    ):
        copy.write(b"a\n\x80\n")
    assert failure.value.diag.context == "COPY c, line 2"


def test_copy_in_binary_format(speaking):
    client = speaking("latin9")
    with (
        client.cursor() as cursor,
        cursor.copy(
            "copy (select '€' from generate_series(1, 2)) to stdout (format binary)"
        ) as copy,
    ):
        rows = list(copy.rows())
    assert [bytes(row[0]) for row in rows] == [b"\xa4", b"\xa4"]


def test_copy_sends_a_message_a_row_in_every_encoding(server):
    with (
        server.connect(autocommit=True, client_encoding="latin1") as connection,
        connection.cursor().copy("copy (values ('1'), ('Möhre'), ('2')) to stdout") as copy,
    ):
        assert [bytes(row) for row in copy] == [b"1\n", b"M\xf6hre\n", b"2\n"]

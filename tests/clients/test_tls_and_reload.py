"""TLS with a certificate of our own making, and what SIGHUP reads again."""

import datetime as dt
import signal

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.waiting import until


def write_certificate(folder):
    """A self-signed certificate for localhost and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - clients look at the real clock
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "server.crt").write_bytes(certificate.public_bytes(pem))
    path = folder / "server.key"
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "server.crt", path


def tls_arguments(certificate, key):
    return [
        argument
        for pair in ("ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={key}")
        for argument in ("-c", pair)
    ]


def test_tls_is_spoken_and_its_certificate_verified(own_server, tmp_path):
    certificate, key = write_certificate(tmp_path)
    server = own_server(*tls_arguments(certificate, key)).start()
    dsn = server.dsn.replace("host=127.0.0.1", "host=localhost hostaddr=127.0.0.1")
    with psycopg.connect(dsn, sslmode="verify-full", sslrootcert=certificate) as connection:
        assert connection.pgconn.ssl_in_use
        long = "x" * 300_000
        assert connection.execute("select %s::text", (long,)).fetchone() == (long,)
    with psycopg.connect(dsn, sslmode="disable") as connection:
        assert not connection.pgconn.ssl_in_use
    assert server.stop() == 0


def test_a_key_that_others_can_read_is_refused(own_server, tmp_path):
    certificate, key = write_certificate(tmp_path)
    key.chmod(0o644)
    server = own_server(*tls_arguments(certificate, key)).start(wait=False)
    assert server.wait() == 1
    assert "group or world access" in server.log_text()


def test_without_tls_it_cannot_be_demanded(server):
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        server.connect(sslmode="require")


def test_sighup_reads_the_files_again(own_server, tmp_path):
    config = tmp_path / "rustydb.toml"
    config.write_text("[settings]\nwork_mem = '5MB'\n")
    server = own_server(environment={"RUSTYDB_CONFIG": str(config)}).start()

    def work_mem():
        with server.connect() as connection:
            return connection.execute("show work_mem").fetchone()[0]

    assert work_mem() == "5MB"
    config.write_text("[settings]\nwork_mem = '6MB'\n")
    server.send_signal(signal.SIGHUP)
    until(lambda: work_mem() == "6MB", server.log_text)
    hba = server.data / "pg_hba.conf"
    rules = hba.read_text()
    hba.write_text("host all all 127.0.0.1/32 reject\n")
    server.send_signal(signal.SIGHUP)
    until(lambda: refused(server) is not None, server.log_text)
    assert "pg_hba.conf rejects connection" in refused(server)
    hba.write_text("nonsense\n")
    server.send_signal(signal.SIGHUP)
    assert refused(server) is not None, "a wrong file changes nothing"
    hba.write_text(rules)
    server.send_signal(signal.SIGHUP)
    until(lambda: refused(server) is None, server.log_text)
    assert server.stop() == 0


def refused(server):
    """What a client is told who is not let in; None when it is."""
    try:
        server.connect().close()
    except psycopg.OperationalError as error:
        return str(error)
    return None

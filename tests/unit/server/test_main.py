"""What a server that does not come up says: one line."""

import socket

import pytest

from server import main


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            FileNotFoundError(2, "No such file or directory", "/d/pages"),
            'could not access "/d/pages": No such file or directory',
        ),
        (
            OSError(98, "could not listen on *, port 5432: Address already in use"),
            "could not listen on *, port 5432",
        ),
    ],
)
def test_files_are_named_in_words(monkeypatch, tmp_path, capsys, error, said):
    def serve(options, left, ahead):
        raise error

    monkeypatch.setattr(main, "_serve", serve)
    assert main.main(["--data", str(tmp_path)]) == main.EXIT_FAILURE
    told = capsys.readouterr().err
    assert told.startswith("rustydb: ")
    assert said in told
    assert told.count("\n") == 1


def test_an_interrupt_while_it_starts_is_no_traceback(monkeypatch, tmp_path):
    def serve(options, left, ahead):
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_serve", serve)
    assert main.main(["--data", str(tmp_path)]) == main.EXIT_FAILURE


class Settings:
    def __init__(self, port):
        self._values = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        }

    def integer(self, name):
        return self._values[name]

    text = integer


def test_a_taken_port_is_told_of_after_recovery():
    with socket.create_server(("127.0.0.1", 0)) as other:
        gate = main.Gate(Settings(other.getsockname()[1]))
        gate.guard()
        gate.guard()
        with pytest.raises(OSError, match="could not listen"):
            gate.open()


def test_the_guarded_sockets_are_those_that_clients_are_let_in_by():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    gate = main.Gate(Settings(port))
    gate.guard()
    ((made,), path) = gate.open()
    assert (made.getsockname()[1], path) == (port, None)
    made.close()

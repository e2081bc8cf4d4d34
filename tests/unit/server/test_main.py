"""What a server that does not come up says: one line."""

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
    def serve(options):
        raise error

    monkeypatch.setattr(main, "_serve", serve)
    assert main.main(["--data", str(tmp_path)]) == main.EXIT_FAILURE
    told = capsys.readouterr().err
    assert told.startswith("rustydb: ")
    assert said in told
    assert told.count("\n") == 1


def test_an_interrupt_while_it_starts_is_no_traceback(monkeypatch, tmp_path):
    def serve(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_serve", serve)
    assert main.main(["--data", str(tmp_path)]) == main.EXIT_FAILURE

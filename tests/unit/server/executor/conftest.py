import sys
from pathlib import Path

import pytest

from server.session import execution
from server.workers import Workers

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def helped(client, monkeypatch):
    """The statements of a module's client with three threads to help."""
    workers = Workers(3)

    def call_helpers(_session, _planned, running):
        running.workers = workers

    monkeypatch.setattr(execution, "is_heavy", lambda _planned: True)
    monkeypatch.setattr(execution, "_call_helpers", call_helpers)
    yield client
    workers.close()

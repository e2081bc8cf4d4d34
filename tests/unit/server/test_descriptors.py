"""Descriptors: clients and temporary files leave some for storage."""

import os
import resource
from contextlib import ExitStack, contextmanager

import pytest

from server import descriptors
from server.errors import InsufficientResources
from server.executor.temporary_files import TemporaryFiles
from storage.files import RealFiles

LIMIT = 160


@contextmanager
def taken_up_to(last: int):
    """All descriptors below are in use, as are many of 160."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while (made := os.open(os.devnull, os.O_RDONLY)) < last:
            stack.callback(os.close, made)
        os.close(made)
        yield


@pytest.mark.parametrize(("last", "has_room"), [(100, True), (107, False), (LIMIT - 1, False)])
def test_clients_leave_room_for_those_who_are_in(last, has_room):
    with taken_up_to(last):
        assert descriptors.has_room_for_clients() is has_room


def test_temporary_files_leave_room_for_storage(tmp_path):
    files = TemporaryFiles(RealFiles(tmp_path).temporary)
    with taken_up_to(120):
        files.open().close()
    with taken_up_to(LIMIT - 10), pytest.raises(InsufficientResources, match="Too many open files"):
        files.open()
    assert files.used_bytes == 0

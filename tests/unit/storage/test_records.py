"""The table of record kinds."""

import pytest

from storage.errors import Corruption
from storage.log_record import WalRecord
from storage.records import RECORD_KINDS, Kind, decode_end, encode_end, record_kind


def test_numbers_are_on_disk_and_stay():
    assert {kind.name: int(kind) for kind in Kind} == {
        "CHANGE": 1,
        "INCARNATION": 2,
        "CHECKPOINT": 3,
        "COMMIT": 4,
        "ABORT": 5,
        "PREPARE": 6,
        "MESSAGE": 7,
        "CUT_OFF": 8,
    }
    assert all(row.kind == number for number, row in RECORD_KINDS.items())


@pytest.mark.parametrize("subxids", [(), (5,), (5, 1 << 47, 7)])
def test_the_end_of_a_transaction_comes_back(subxids):
    assert decode_end(encode_end(subxids, b"rest")) == (subxids, b"rest")


def test_an_unknown_kind_is_corruption():
    with pytest.raises(Corruption, match="unknown kind 99"):
        record_kind(WalRecord(8, 56, 99, 0, 0, 0, 1, b""))

"""replay_records: one suite over the original and its compiled twin."""

import random

import pytest

from storage import replay as original
from storage.log_record import INCARNATION_KIND, LogPlace
from storage.native import replay as native
from storage.records import Kind, encode_end
from tests.unit.storage.test_change import Bench, make, random_change

START = 4096


def write(bench: Bench) -> bytes:
    """A log of changes, ends of transactions and a new incarnation."""
    chance = random.Random(5)
    for number in range(1, 80):
        random_change(bench, chance)
        if number % 10 == 0:
            bench.log.append(Kind.COMMIT, number, encode_end([number + 1000]))
        if number % 15 == 0:
            bench.log.append(chance.choice((Kind.COMMIT, Kind.ABORT)), number, encode_end([]))
        if number == 40:
            bench.log.incarnation += 1
            bench.log.append(INCARNATION_KIND, 0, b"")
    _, data = bench.log.take()
    return data


@pytest.fixture(params=["python", "compiled"])
def replica(request) -> Bench:
    return make(request.param)


def module_of(bench: Bench):
    return original if bench.redo.__module__ == "storage.change" else native


def test_the_pages_are_what_they_were(replica):
    bench = make("python")
    data = write(bench)
    xids: set[int] = set()
    place, count, ended, others = module_of(replica).replay_records(
        replica.table, data, 0, LogPlace(START, None, None), 1 << 60, xids
    )
    assert (replica.store == bench.store).all()
    assert (place.lsn, place.previous_lsn) == (bench.log.end_lsn, bench.log.previous_lsn)
    assert place.incarnation == 4
    assert [record.kind for record in others].count(Kind.COMMIT) == 7
    assert count > len(others)
    assert xids
    assert ended == {15, 30, 45, 60, 75}


def test_twins_stop_at_the_same_record_and_at_what_is_wrong():
    data = write(make("python"))
    ends = [START, START + 8, START + len(data) // 2, START + len(data)]
    flips = [None, *range(0, len(data), len(data) // 17)]
    for until_lsn in ends:
        for flip in flips:
            broken = bytearray(data)
            if flip is not None:
                broken[flip] ^= 0x10
            found = []
            for kind in ("python", "compiled"):
                bench, xids = make(kind), set[int]()
                answer = module_of(bench).replay_records(
                    bench.table,
                    bytes(broken),
                    0,
                    LogPlace(START, None, None),
                    until_lsn,
                    xids,
                )
                found.append((answer, xids, bench.store.tobytes(), bench.table.dirty))
            assert found[0] == found[1]
            assert until_lsn != START or found[0][0][1] == 0

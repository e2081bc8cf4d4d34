"""Change and LogBuffer: one suite over the originals, their compiled twins, and both together."""

import random

import numpy as np
import pytest

from storage import change as original
from storage import logbuffer as original_log
from storage.errors import Corruption, DiskFull
from storage.native import change as native
from storage.native import logbuffer as native_log

PAGE = 1024
PAGES = 32


class Bench:
    """A table, a log and a change over plain memory."""

    def __init__(self, module, log_module, *, images: bool = True) -> None:
        self.redo = module.redo
        self.store = np.zeros(PAGES * PAGE, dtype=np.uint8)
        self.table = module.PageTable(self.store, PAGE, full_page_images=images)
        self.table.page_count = PAGES
        self.table.states[:] = original.VERIFIED
        self.log = log_module.LogBuffer(end_lsn=4096, previous_lsn=0, incarnation=3)
        self.log.limit_lsn = 1 << 40
        self.table.redo_lsn = 4096
        self.change = module.Change(self.table, self.log)

    def payloads(self) -> list[bytes]:
        """The payloads of what was appended since the last call."""
        _, data = self.log.take()
        found = []
        while data:
            length = int.from_bytes(data[:4], "little")
            found.append(data[original_log.HEADER_BYTES : length])
            data = data[original_log.padded(length) :]
        return found


def make(kind: str, *, images: bool = True) -> Bench:
    if kind == "python":
        return Bench(original, original_log, images=images)
    return Bench(native, native_log, images=images)


@pytest.fixture(params=["python", "compiled"])
def bench(request) -> Bench:
    return make(request.param)


def operations(payload: bytes) -> list[str]:
    return [line.split()[0] for line in original.describe(payload)]


def test_nothing_is_stored_before_commit(bench):
    with bench.change as change:
        change.begin(7)
        change.write(100, b"abc")
        assert not bench.store.any()
        assert change.commit() == bench.log.end_lsn
    assert bench.store[100:103].tobytes() == b"abc"
    assert bench.table.dirty == [0]
    assert bench.table.lsns[0] == bench.log.end_lsn


def test_leaving_without_commit_changes_nothing(bench):
    calls = []
    with bench.change as change:
        change.begin(7)
        change.write(100, b"abc")
        change.on_end(lambda lsn: calls.append(lsn), lambda: calls.append("abandoned"))
    assert not bench.store.any()
    assert bench.log.end_lsn == 4096
    assert bench.table.image_lsns[0] == 0
    assert calls == ["abandoned"]
    with bench.change as change:
        change.begin(8)
        change.write_u64(0, 1)
        change.commit()
    assert calls == ["abandoned"]


def test_image_precedes_the_first_change_since_the_redo_point_only(bench):
    def write() -> list[str]:
        bench.change.begin(7)
        bench.change.write_u64(8, 1)
        bench.change.commit()
        return operations(bench.payloads()[0])

    assert write() == ["image", "write_u64"]
    assert write() == ["write_u64"]
    bench.table.redo_lsn = bench.log.end_lsn
    assert write() == ["image", "write_u64"]


def test_fresh_pages_need_no_image(bench):
    bench.change.begin(7)
    bench.change.fresh(3, 2)
    bench.change.write(3 * PAGE + 1000, b"x" * 100)
    bench.change.commit()
    assert operations(bench.payloads()[0]) == ["fresh", "write"]


def test_fresh_zeroes_what_was_written_before(bench):
    bench.change.begin(7)
    bench.change.write(3 * PAGE, b"x" * 10)
    bench.change.commit()
    bench.change.begin(7)
    bench.change.fresh(3, 2)
    bench.change.commit()
    assert not bench.store.any()
    assert bench.table.dirty == [3], "the page that was zero already stays clean"


def test_copy_of_a_page_without_image_logs_its_bytes(bench):
    bench.store[PAGE : 3 * PAGE] = 9
    bench.change.begin(7)
    bench.change.write_u64(2 * PAGE, 5)  # gives the second source page an image
    bench.change.copy(PAGE, 8 * PAGE, 2 * PAGE)
    bench.change.commit()
    assert operations(bench.payloads()[0])[-2:] == ["write", "copy"]
    assert (bench.store[8 * PAGE : 10 * PAGE] == bench.store[PAGE : 3 * PAGE]).all()


def test_copy_of_a_released_source_logs_the_move_alone(bench):
    bench.store[PAGE] = 9
    bench.change.begin(7)
    bench.change.fresh(8, 1)
    bench.change.copy(PAGE, 8 * PAGE, PAGE, True)
    bench.change.commit()
    assert operations(bench.payloads()[0]) == ["fresh", "copy"]
    assert bench.store[8 * PAGE] == 9


def test_overlapping_copy_is_a_mistake(bench):
    bench.change.begin(7)
    with pytest.raises(AssertionError):
        bench.change.copy(0, 10, 20)
    bench.change.abandon()


def test_changes_do_not_interleave(bench):
    bench.change.begin(7)
    with pytest.raises(AssertionError):
        bench.change.begin(8)


def test_a_full_disk_shows_before_anything_is_stored(bench):
    def crowded(byte_count: int, reserved: bool) -> None:
        raise DiskFull("no room")

    bench.log.crowded = crowded
    bench.log.limit_lsn = bench.log.end_lsn + 100
    bench.change.begin(7)
    bench.change.write(0, b"x" * 500)
    with pytest.raises(DiskFull):
        bench.change.commit()
    assert not bench.store.any()
    assert not bench.change.is_open
    assert bench.table.dirty == []


def test_untouched_pages_are_verified_before_their_image_is_taken(bench):
    def verify(first_page: int, page_count: int) -> None:
        raise Corruption("pages/0", first_page, "wrong checksum")

    bench.table.states[5] = 0
    bench.table.verify = verify
    bench.change.begin(7)
    with pytest.raises(Corruption):
        bench.change.write(5 * PAGE, b"x")
    bench.change.abandon()


def test_write_takes_any_buffer(bench):
    bench.change.begin(7)
    bench.change.write(0, np.arange(4, dtype=np.int32))
    bench.change.write(100, memoryview(b"abcdef")[1:3])
    bench.change.write(200, bytearray(b"xyz"))
    bench.change.write(300, b"")
    bench.change.write(400, np.arange(8, dtype=np.int64)[::2])
    bench.change.commit()
    assert bench.store[:16].view(np.int32).tolist() == [0, 1, 2, 3]
    assert bench.store[100:102].tobytes() == b"bc"
    assert bench.store[400:432].view(np.int64).tolist() == [0, 2, 4, 6]


def test_redo_notes_what_it_clears_of_bitmaps(bench):
    bench.change.begin(7)
    bench.change.bits(PAGE, 5, 9, value=True)
    bench.change.bits(PAGE + 8, 3, 2, value=False)
    bench.change.commit()
    assert bench.table.cleared == []
    bench.redo(bench.table, bench.payloads()[0], 4096, 5000)
    assert bench.table.cleared == [(PAGE + 8, 3 << 32 | 2)]


def test_redo_refuses_pages_that_do_not_exist(bench):
    bench.change.begin(7)
    bench.change.write(0, b"abc")
    bench.change.commit()
    payload = bench.payloads()[0]
    bench.table.page_count = 0
    with pytest.raises(Corruption, match="unknown pages"):
        bench.redo(bench.table, payload, 4096, 5000)


def random_change(bench: Bench, chance: random.Random) -> None:
    """The same for the same random state, whatever the bench."""
    change, table = bench.change, bench.table
    if chance.random() < 0.1:
        table.redo_lsn = bench.log.end_lsn
    change.begin(chance.getrandbits(40))
    for _ in range(chance.randrange(1, 6)):
        count = chance.choice((1, 7, 8, 9, 1000, 3000))
        address = chance.randrange(PAGES * PAGE - count)
        match chance.randrange(6):
            case 0 | 1:
                change.write(address, chance.randbytes(count))
            case 2:
                change.write_u64(min(address, PAGES * PAGE - 8), chance.getrandbits(64))
            case 3:
                change.fill(address, chance.choice((0, 255)), count)
            case 4:
                source = chance.randrange(PAGES * PAGE - count)
                if abs(source - address) >= count:
                    change.copy(source, address, count, chance.random() < 0.3)
            case _:
                page, bit = chance.randrange(PAGES - 3), chance.randrange(4000)
                change.bits(
                    page * PAGE, bit, chance.randrange(1, 4000), value=chance.random() < 0.5
                )
                change.fresh(page + 1, chance.randrange(1, 3))
    change.commit() if chance.random() < 0.9 else change.abandon()


def test_twins_write_the_same_bytes_and_redo_repeats_them():
    python, compiled = make("python"), make("compiled")
    chances = random.Random(11), random.Random(11)
    for _ in range(150):
        random_change(python, chances[0])
        random_change(compiled, chances[1])
        assert (python.store == compiled.store).all()
        assert python.table.dirty == compiled.table.dirty
    for name in ("states", "lsns", "image_lsns"):
        assert (getattr(python.table, name) == getattr(compiled.table, name)).all(), name
    assert python.log.take() == compiled.log.take()


def test_twins_store_into_unlogged_pages_alike():
    python, compiled = make("python"), make("compiled")
    chances = random.Random(12), random.Random(12)
    for bench in (python, compiled):
        bench.table.states[:] |= original.UNLOGGED
    for _ in range(150):
        random_change(python, chances[0])
        random_change(compiled, chances[1])
        assert (python.store == compiled.store).all()
        assert python.table.dirty == compiled.table.dirty
    for name in ("states", "lsns", "image_lsns"):
        assert (getattr(python.table, name) == getattr(compiled.table, name)).all(), name
    assert python.payloads() == compiled.payloads() == []


def test_what_unlogged_pages_hold_is_in_no_record(bench):
    bench.table.states[8:16] |= original.UNLOGGED
    with bench.change as change:
        change.begin(7)
        change.write(8 * PAGE, b"abc")
        change.write(PAGE, b"xyz")
        change.copy(8 * PAGE, 9 * PAGE, 3)
        change.fill(10 * PAGE, 255, 5)
        change.commit()
    assert [operations(each) for each in bench.payloads()] == [["image", "write"]]
    assert bench.store[8 * PAGE : 8 * PAGE + 3].tobytes() == b"abc"
    assert bench.store[9 * PAGE : 9 * PAGE + 3].tobytes() == b"abc"
    assert bench.store[10 * PAGE : 10 * PAGE + 6].tobytes() == b"\xff" * 5 + b"\0"


def test_each_change_of_an_unlogged_page_shows_although_the_log_stands_still(bench):
    """Write-back would take the page for what it has copied, and forget the change."""
    bench.table.states[8] |= original.UNLOGGED
    end_lsn, numbers = bench.log.end_lsn, []
    for value in range(3):
        with bench.change as change:
            change.begin(7)
            change.write_u64(8 * PAGE, value)
            change.commit()
        numbers.append(int(bench.table.lsns[8]))
    assert len(set(numbers)) == 3
    assert bench.log.end_lsn == end_lsn


def test_the_log_does_not_copy_what_it_has_not(bench):
    bench.table.states[8] |= original.UNLOGGED
    with bench.change as change:
        change.begin(7)
        with pytest.raises(AssertionError):
            change.copy(8 * PAGE, PAGE, 3)


@pytest.mark.parametrize("kind", ["python", "compiled"])
def test_redo_over_torn_pages_ends_where_the_store_was(kind):
    bench, replica = make(kind), make(kind)
    chance = random.Random(3)
    for _ in range(60):
        random_change(bench, chance)
        bench.table.redo_lsn = 4096
    replica.store[:] = np.frombuffer(chance.randbytes(PAGES * PAGE), dtype=np.uint8)
    for payload in bench.payloads():
        bench_lsn = 4096
        replica.redo(replica.table, payload, bench_lsn, bench_lsn + 8)
    touched = np.flatnonzero(replica.table.image_lsns)
    for page_no in touched:
        start = int(page_no) * PAGE
        assert (replica.store[start : start + PAGE] == bench.store[start : start + PAGE]).all()
    assert len(touched) > PAGES // 2


def test_what_a_fresh_page_held_is_not_looked_at_where_it_is_copied_from(bench):
    """Its room may have been given back since it was written."""

    def refuse(first_page, page_count):
        raise Corruption("pages", first_page, f"{page_count} pages looked at")

    bench.table.verify = refuse
    bench.table.states[5] = original.WRITTEN
    bench.store[5 * PAGE : 6 * PAGE] = 9
    with bench.change as change:
        change.begin(7)
        change.fresh(5, 1)
        change.write(5 * PAGE, b"abc")
        change.copy(5 * PAGE, 6 * PAGE, 4)
        change.commit()
    assert bench.store[6 * PAGE : 6 * PAGE + 5].tobytes() == b"abc\0\0"

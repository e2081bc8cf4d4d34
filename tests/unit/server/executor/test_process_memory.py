"""When the server has taken too much of the machine, the heaviest statement gives up, and nobody else."""

import pytest

from server.errors import OutOfMemory
from server.executor.memory import WATCHED_BYTES_MIN, Memory
from server.executor.process_memory import LOOK_NS, ProcessMemory, resident_bytes

LIMIT = 1000


class Machine:
    """A process of some size, of which some can be given back."""

    def __init__(self, size: int, free: int = 0) -> None:
        self.size_bytes = size
        self.free = free
        self.now = 0
        self.asked = 0
        self.memory = ProcessMemory(LIMIT, self, self.size, self.shrink)

    def now_us(self) -> int:
        return self.now // 1000

    def monotonic_ns(self) -> int:
        return self.now

    def size(self) -> int:
        self.asked += 1
        return self.size_bytes

    def shrink(self) -> None:
        self.size_bytes -= self.free
        self.free = 0

    def statement(self, share: int) -> Memory:
        memory = Memory(process=self.memory).copy()
        memory.add(WATCHED_BYTES_MIN * share)
        return memory


def test_the_heaviest_statement_gives_up():
    machine = Machine(LIMIT + 1)
    light, heavy, small = (machine.statement(share) for share in (2, 3, 1))
    light.look()
    small.look()
    with pytest.raises(OutOfMemory) as caught:
        heavy.look()
    assert caught.value.sqlstate == "53200"
    heavy.add(-heavy.used_bytes)
    light.look()
    machine.now += LOOK_NS
    with pytest.raises(OutOfMemory):
        light.look()


def test_what_is_free_within_the_process_is_given_back_first():
    machine = Machine(LIMIT + 1, free=10)
    machine.statement(2).look()
    assert machine.size_bytes == LIMIT - 9


def test_the_system_is_asked_now_and_then():
    machine = Machine(LIMIT)
    statement = machine.statement(2)
    for look in range(100):
        machine.now = look * LOOK_NS // 10
        statement.look()
    assert 9 <= machine.asked <= 11


def test_statements_that_hold_little_are_left_alone():
    machine = Machine(LIMIT + 1)
    machine.statement(1).look()
    Memory(process=machine.memory).look()
    assert not machine.asked


def test_the_process_has_a_size():
    assert resident_bytes() > 1 << 20

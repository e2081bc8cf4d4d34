"""Locks: PostgreSQL's conflicts, fair queues, deadlocks."""

import random
from itertools import product

import pytest

from storage.lock_modes import CONFLICTS, ROW_CONFLICTS, LockMode, RowLock, table_lock
from storage.locks import Locks
from storage.wait_graph import Turn

TABLE = ("relation", 1)
OTHER = ("relation", 2)


class Owner:
    def __init__(self, name, group=None):
        self.name = name
        self.lock_group = group or self

    def __repr__(self):
        return self.name


@pytest.fixture
def locks():
    return Locks()


@pytest.fixture
def owners():
    return [Owner(name) for name in "abcd"]


@pytest.mark.parametrize("conflicts", [CONFLICTS, ROW_CONFLICTS])
def test_conflicts_are_mutual(conflicts):
    for a, b in product(conflicts, conflicts):
        assert conflicts[a] >> b & 1 == conflicts[b] >> a & 1


def test_every_mode_is_decided():
    assert set(CONFLICTS) == set(LockMode)
    assert set(ROW_CONFLICTS) == set(RowLock)


@pytest.mark.parametrize(("held", "wanted"), list(product(LockMode, LockMode)))
def test_a_lock_waits_for_what_conflicts_and_for_nothing_else(locks, owners, held, wanted):
    a, b, *_ = owners
    assert locks.acquire(a, TABLE, held).done
    waiting = locks.acquire(b, TABLE, wanted)
    assert waiting.done is not bool(CONFLICTS[held] >> wanted & 1)
    locks.release_since(a)
    assert waiting.done


def test_queues_are_fair(locks, owners):
    a, b, c, _ = owners
    locks.acquire(a, TABLE, LockMode.ACCESS_SHARE)
    exclusive = locks.acquire(b, TABLE, LockMode.ACCESS_EXCLUSIVE)
    late = locks.acquire(c, TABLE, LockMode.ACCESS_SHARE)
    assert not late.done, "who comes later does not overtake"
    assert not locks.try_acquire(c, TABLE, LockMode.ACCESS_SHARE)
    locks.release_since(a)
    assert exclusive.done
    assert not late.done
    locks.release_since(b)
    assert late.done


def test_a_holder_overtakes(locks, owners):
    a, b, *_ = owners
    locks.acquire(a, TABLE, LockMode.ACCESS_SHARE)
    locks.acquire(b, TABLE, LockMode.ACCESS_EXCLUSIVE)
    assert locks.acquire(a, TABLE, LockMode.ROW_EXCLUSIVE).done


def test_a_group_overtakes_who_waits_for_one_of_it(locks, owners):
    session, other = owners[:2]
    transaction, tag = Owner("transaction", session), ("advisory", 1)
    locks.acquire(transaction, tag, LockMode.EXCLUSIVE)
    waiting = locks.acquire(other, tag, LockMode.EXCLUSIVE)
    assert locks.acquire(session, tag, LockMode.SHARE).done
    assert locks.try_acquire(session, tag, LockMode.EXCLUSIVE), (
        "what the group has it may have again"
    )
    assert locks.try_acquire(session, tag, LockMode.SHARE)
    assert not waiting.done


def test_a_holder_whom_nobody_waits_for_overtakes_nobody(locks, owners):
    a, b, c, _ = owners
    locks.acquire(a, TABLE, LockMode.ACCESS_SHARE)
    locks.acquire(b, TABLE, LockMode.ROW_EXCLUSIVE)
    share = locks.acquire(c, TABLE, LockMode.SHARE)
    late = locks.acquire(a, TABLE, LockMode.ROW_EXCLUSIVE)
    assert not late.done
    locks.release_since(b)
    assert share.done
    assert not late.done


def test_a_holder_who_does_not_want_to_wait_overtakes_nobody(locks, owners):
    a, b, c, _ = owners
    locks.acquire(a, TABLE, LockMode.ROW_SHARE)
    exclusive = locks.acquire(b, TABLE, LockMode.ACCESS_EXCLUSIVE)
    assert not locks.try_acquire(a, TABLE, LockMode.SHARE)
    assert locks.try_acquire(a, TABLE, LockMode.ROW_SHARE), "what he has he may have again"
    assert not locks.try_acquire(c, TABLE, LockMode.ACCESS_SHARE)
    assert locks.acquire(a, TABLE, LockMode.SHARE).done
    locks.release_since(a)
    assert exclusive.done


def test_waiting_for_holders_is_in_nobodys_way(locks, owners):
    a, b, c, d = owners
    locks.acquire(a, TABLE, LockMode.ROW_EXCLUSIVE)
    locks.acquire(b, TABLE, LockMode.ACCESS_SHARE)
    ended = locks.wait_for_holders(c, TABLE, LockMode.SHARE)
    assert [edge.blocker for edge in locks.blockers(c)] == [a]
    assert locks.acquire(d, TABLE, LockMode.ROW_EXCLUSIVE).done, "nobody waits behind it"
    assert locks.try_acquire(b, TABLE, LockMode.ROW_EXCLUSIVE)
    assert not ended.done
    locks.release_since(a)
    assert ended.done, "those who came later are not waited for"
    assert c not in {status.owner for status in locks.holders()}
    assert locks.wait_for_holders(c, OTHER, LockMode.SHARE).done
    locks.wait_for_holders(c, TABLE, LockMode.ACCESS_EXCLUSIVE)
    locks.cancel_wait(c)
    assert locks.blockers(c) == []


def test_waiting_for_holders_is_part_of_deadlocks(locks, owners):
    a, b, *_ = owners
    locks.acquire(a, TABLE, LockMode.ROW_EXCLUSIVE)
    locks.acquire(b, OTHER, LockMode.ACCESS_EXCLUSIVE)
    locks.wait_for_holders(b, TABLE, LockMode.SHARE)
    locks.acquire(a, OTHER, LockMode.ACCESS_SHARE)
    assert {edge.waiter for edge in locks.find_deadlock(a)} == {a, b}


def test_the_end_of_one_who_holds_nothing_can_be_waited_for(locks, owners):
    a, b, c, _ = owners
    ended = locks.wait_for_end(b, a)
    assert not ended.done
    again = locks.wait_for_end(c, a)
    assert {edge.blocker for edge in locks.blockers(b)} == {a}
    locks.release_since(a)
    assert ended.done
    assert again.done
    assert locks.holders() == []


def test_who_holds_on_to_what_its_group_has_waits_for_nobody(locks):
    session, other = Owner("session"), Owner("other")
    transaction, lasting = Owner("transaction", session), Owner("lasting", session)
    locks.acquire(transaction, TABLE, LockMode.SHARE_UPDATE_EXCLUSIVE)
    waiting = locks.acquire(other, TABLE, LockMode.ACCESS_EXCLUSIVE)
    locks.hold_on(lasting, TABLE, LockMode.SHARE_UPDATE_EXCLUSIVE)
    locks.release_since(transaction)
    assert not waiting.done
    locks.release_since(lasting)
    assert waiting.done


def test_one_group_never_conflicts(locks):
    session = Owner("session")
    transaction = Owner("transaction", session)
    locks.acquire(session, ("advisory", 1), LockMode.EXCLUSIVE)
    assert locks.acquire(transaction, ("advisory", 1), LockMode.EXCLUSIVE).done


def test_advisory_locks_are_counted(locks, owners):
    a, b, *_ = owners
    tag = ("advisory", 7)
    locks.acquire(a, tag, LockMode.EXCLUSIVE)
    locks.acquire(a, tag, LockMode.EXCLUSIVE)
    waiting = locks.acquire(b, tag, LockMode.EXCLUSIVE)
    assert locks.release(a, tag, LockMode.EXCLUSIVE)
    assert not waiting.done
    assert locks.release(a, tag, LockMode.EXCLUSIVE)
    assert waiting.done
    assert not locks.release(a, tag, LockMode.EXCLUSIVE)


def test_a_savepoint_gives_back_what_came_after_it(locks, owners):
    a, b, *_ = owners
    locks.acquire(a, TABLE, LockMode.SHARE)
    position = locks.position(a)
    locks.acquire(a, OTHER, LockMode.ACCESS_EXCLUSIVE)
    assert locks.lock_row(a, 1, 5, RowLock.UPDATE) is None
    locks.release_since(a, position)
    assert locks.try_acquire(b, OTHER, LockMode.ACCESS_EXCLUSIVE)
    assert locks.lock_row(b, 1, 5, RowLock.UPDATE) is None
    assert not locks.try_acquire(b, TABLE, LockMode.EXCLUSIVE)


def test_who_gives_up_lets_others_pass(locks, owners):
    a, b, c, _ = owners
    locks.acquire(a, TABLE, LockMode.ACCESS_SHARE)
    locks.acquire(b, TABLE, LockMode.ACCESS_EXCLUSIVE)
    late = locks.acquire(c, TABLE, LockMode.ACCESS_SHARE)
    locks.cancel_wait(b)
    assert late.done


def test_deadlock_of_three(locks, owners):
    a, b, c, _ = owners
    for number, owner in enumerate((a, b, c)):
        locks.acquire(owner, ("relation", number), LockMode.EXCLUSIVE)
    locks.acquire(a, ("relation", 1), LockMode.EXCLUSIVE)
    locks.acquire(b, ("relation", 2), LockMode.EXCLUSIVE)
    assert locks.find_deadlock(a) is None
    locks.acquire(c, ("relation", 0), LockMode.EXCLUSIVE)
    assert [(edge.waiter, edge.blocker) for edge in locks.find_deadlock(c)] == [
        (c, a),
        (a, b),
        (b, c),
    ]
    locks.cancel_wait(c)
    locks.release_since(c)
    assert locks.find_deadlock(a) is None


def test_deadlock_through_a_queue(locks, owners):
    a, b, c, _ = owners
    locks.acquire(a, TABLE, LockMode.ACCESS_SHARE)
    locks.acquire(c, OTHER, LockMode.EXCLUSIVE)
    locks.acquire(b, TABLE, LockMode.ACCESS_EXCLUSIVE)
    waiting = locks.acquire(c, TABLE, LockMode.ACCESS_SHARE)  # waits for b, which is only queued
    locks.acquire(a, OTHER, LockMode.EXCLUSIVE)
    assert [edge.blocker for edge in locks.blockers(c)] == [b]
    assert locks.find_deadlock(a) is None
    assert waiting.done


def test_who_comes_first_for_a_row_is_in_the_circle_of_who_comes_after(locks, owners):
    """The second waits for the first, not for the holder; his wait for the holder is a new one when that has left."""
    a, b, c, _ = owners
    row = (7, 1)
    locks.register_xid(10, a)
    locks.register_xid(12, c)
    locks.wait_for_xid(b, 10, turn=Turn(row))
    locks.wait_for_xid(c, 10, turn=Turn(row))
    locks.wait_for_xid(a, 12)
    assert [edge.blocker for edge in locks.find_deadlock(b)] == [a, c, b]
    assert not locks.has_moved_up(c)
    locks.cancel_wait(b)
    assert locks.has_moved_up(c)
    assert not locks.has_moved_up(c)
    assert [edge.blocker for edge in locks.find_deadlock(a)] == [c, a]


def test_who_has_a_lock_on_a_row_does_not_stand_in_line_for_a_stronger_one(locks, owners):
    a, b, c, _ = owners
    locks.lock_row(a, 7, 1, RowLock.SHARE)
    locks.lock_row(b, 7, 1, RowLock.SHARE)
    locks.register_xid(10, a)
    locks.wait_for_xid(b, 10, turn=Turn((7, 1)))
    locks.wait_for_xid(c, 10, turn=Turn((7, 1)))
    assert [edge.blocker for edge in locks.blockers(c)] == [a]


def test_a_plain_deadlock_is_one_with_the_first_who_waits_for_the_owner(locks, owners):
    a, b, c, _ = owners
    locks.acquire(a, TABLE, LockMode.SHARE_UPDATE_EXCLUSIVE)
    locks.acquire(c, TABLE, LockMode.ACCESS_SHARE)
    locks.acquire(b, TABLE, LockMode.SHARE)
    locks.acquire(c, TABLE, LockMode.SHARE)
    locks.acquire(a, TABLE, LockMode.ACCESS_EXCLUSIVE)
    assert locks.find_plain_deadlock(a) is None
    locks.cancel_wait(b)
    assert locks.find_plain_deadlock(a) is not None


def test_deadlock_between_a_row_and_a_table(locks, owners):
    a, b, *_ = owners
    locks.register_xid(10, a)
    locks.acquire(b, TABLE, LockMode.EXCLUSIVE)
    done = locks.wait_for_xid(b, 10)
    locks.acquire(a, TABLE, LockMode.EXCLUSIVE)
    assert [edge.tag for edge in locks.find_deadlock(b)] == [("xid", 10), TABLE]
    locks.finish_xids((10,))
    assert done.done
    assert locks.wait_for_xid(b, 10).done


@pytest.mark.parametrize(("held", "wanted"), list(product(RowLock, RowLock)))
def test_row_locks(locks, owners, held, wanted):
    a, b, *_ = owners
    assert locks.lock_row(a, 1, 9, held) is None
    blocker = locks.lock_row(b, 1, 9, wanted)
    assert (blocker is a) == bool(ROW_CONFLICTS[held] >> wanted & 1)
    assert locks.lock_row(b, 1, 10, wanted) is None
    locks.release_since(a)
    assert locks.lock_row(b, 1, 9, wanted) is None


def test_holders_lists_what_is_held_and_awaited(locks, owners):
    a, b, *_ = owners
    locks.acquire(a, TABLE, LockMode.EXCLUSIVE)
    locks.acquire(b, TABLE, LockMode.SHARE)
    rows = {(row.owner, row.mode, row.granted) for row in locks.holders()}
    assert rows == {(a, LockMode.EXCLUSIVE, True), (b, LockMode.SHARE, False)}


@pytest.mark.parametrize("seed", range(5))
def test_what_is_held_is_known_without_looking_at_holders(locks, owners, seed):
    chance = random.Random(seed)
    held = []
    for _ in range(400):
        owner, tag = chance.choice(owners), chance.choice([TABLE, OTHER, ("advisory", 1)])
        mode = chance.choice(list(LockMode))
        choice = chance.random()
        if choice < 0.6:
            wanted = not any(
                other is not owner and other_tag == tag and CONFLICTS[mode] >> other_mode & 1
                for other, other_tag, other_mode in held
            )
            assert locks.try_acquire(owner, tag, mode) is wanted
            held += [(owner, tag, mode)] * wanted
        elif choice < 0.95 and held:
            released = chance.choice(held)
            assert locks.release(*released)
            held.remove(released)
        else:
            locks.release_since(owner)
            held = [each for each in held if each[0] is not owner]
        assert {(each.tag, each.owner, each.mode) for each in locks.holders()} == {
            (tag, owner, mode) for owner, tag, mode in held
        }
    for owner in owners:
        locks.release_since(owner)
    assert locks.holders() == []


def test_a_circle_through_a_queue_is_opened_by_who_may_overtake(locks, owners):
    a, b, c, d = owners
    locks.acquire(a, TABLE, LockMode.ACCESS_SHARE)
    locks.acquire(b, OTHER, LockMode.ACCESS_SHARE)
    locks.acquire(c, TABLE, LockMode.ACCESS_EXCLUSIVE)
    locks.acquire(d, OTHER, LockMode.ACCESS_EXCLUSIVE)
    first = locks.acquire(a, OTHER, LockMode.ACCESS_SHARE)
    second = locks.acquire(b, TABLE, LockMode.ACCESS_SHARE)
    assert not first.done
    assert not second.done
    assert locks.find_deadlock(b) is None
    assert first.done
    assert not second.done
    assert locks.find_deadlock(b) is None


def test_two_who_want_more_of_what_both_have_are_a_plain_deadlock(locks, owners):
    a, b, c, _ = owners
    for owner in (a, b, c):
        locks.acquire(owner, TABLE, LockMode.ACCESS_SHARE)
    locks.acquire(a, TABLE, LockMode.ACCESS_EXCLUSIVE)
    assert locks.find_plain_deadlock(a) is None
    locks.acquire(b, TABLE, LockMode.ACCESS_EXCLUSIVE)
    found = locks.find_plain_deadlock(b)
    assert [(edge.waiter, edge.blocker) for edge in found] == [(b, a), (a, b)]


def test_a_stronger_row_lock_taken_after_a_savepoint_becomes_the_weaker_one_again(locks, owners):
    a, b, *_ = owners
    locks.lock_row(a, 1, 7, RowLock.KEY_SHARE)
    position = locks.position(a)
    locks.lock_row(a, 1, 7, RowLock.UPDATE)
    assert locks.row_blocker(b, 1, 7, RowLock.NO_KEY_UPDATE) is a
    locks.release_since(a, position)
    assert locks.row_blocker(b, 1, 7, RowLock.NO_KEY_UPDATE) is None
    assert locks.row_blocker(b, 1, 7, RowLock.UPDATE) is a
    locks.release_since(a)
    assert locks.row_blocker(b, 1, 7, RowLock.UPDATE) is None


def test_several_table_locks_are_taken_up_to_the_first_that_is_not_free(locks, owners):
    one, other, *_ = owners
    wanted = tuple(table_lock(table, LockMode.ROW_EXCLUSIVE) for table in (1, 2, 3))
    assert locks.try_table(other, 2, LockMode.SHARE)
    assert not locks.all_free(one, wanted)
    assert not locks.try_all(one, wanted)
    assert [(each.tag[1], each.owner) for each in locks.holders()] == [(2, other), (1, one)]
    locks.release_since(other)
    assert locks.all_free(one, wanted)
    assert locks.try_all(one, wanted)
    assert locks.try_all(one, wanted)  # once for each mode
    assert locks.position(one) == (3, 0)


WEAK = (LockMode.ACCESS_SHARE, LockMode.ROW_SHARE, LockMode.ROW_EXCLUSIVE)


@pytest.mark.parametrize(("held", "wanted"), list(product(WEAK, LockMode)))
def test_what_is_noted_with_its_owner_alone_is_in_the_way_all_the_same(locks, owners, held, wanted):
    a, b, c, _ = owners
    assert locks.try_all(a, (table_lock(2, LockMode.ACCESS_SHARE), table_lock(1, held)))
    waiting = locks.acquire(b, TABLE, wanted)
    assert waiting.done is not bool(CONFLICTS[held] >> wanted & 1)
    late = table_lock(1, LockMode.ROW_SHARE)
    is_free = not CONFLICTS[wanted] >> LockMode.ROW_SHARE & 1
    assert locks.all_free(c, (late,)) is locks.try_all(c, (late,)) is is_free
    assert {each.owner for each in locks.holders() if each.tag == TABLE} >= {a, b}
    assert locks.release_plain(a) is waiting.done
    locks.release_since(a)
    assert waiting.done
    locks.release_since(b)
    assert locks.try_all(c, (late,))
    locks.release_since(c)
    assert locks.holders() == []


def test_a_savepoint_keeps_what_was_taken_before_it(locks, owners):
    one, other, *_ = owners
    first, second = ((table_lock(table, LockMode.ROW_EXCLUSIVE),) for table in (1, 2))
    assert locks.try_all(one, first)
    position = locks.position(one)
    assert locks.try_all(one, second)
    assert locks.try_all(one, first)
    locks.release_since(one, position)
    assert [each.tag for each in locks.holders()] == [TABLE]
    assert not locks.try_table(other, 1, LockMode.SHARE)
    assert locks.try_table(other, 2, LockMode.SHARE)
    assert locks.lasting(one)[0] == [(TABLE, LockMode.ROW_EXCLUSIVE)]


def test_many_locks_of_one_owner_are_all_there(locks, owners):
    one, other, *_ = owners
    wanted = [(table_lock(table, LockMode.ROW_EXCLUSIVE),) for table in range(1, 51)]
    for _ in range(2):
        assert all(locks.try_all(one, each) for each in wanted)
    assert len(locks.holders()) == 50
    assert not any(locks.try_table(other, table, LockMode.SHARE) for table in range(1, 51))
    assert locks.release_plain(one)
    assert all(locks.try_table(other, table, LockMode.SHARE) for table in range(1, 51))


def test_weak_locks_stay_out_of_the_way_of_a_request_that_waits(locks, owners):
    a, b, c, _ = owners
    weak = (table_lock(1, LockMode.ROW_EXCLUSIVE),)
    assert locks.try_all(a, weak)
    waiting = locks.acquire(b, TABLE, LockMode.SHARE)
    assert not locks.try_all(c, weak)
    locks.cancel_wait(b)
    assert not waiting.done
    assert locks.try_all(c, weak)
    assert locks.try_all(a, weak)
    assert locks.release_plain(a)
    assert locks.release_plain(c)
    assert locks.try_table(b, 1, LockMode.ACCESS_EXCLUSIVE)


def test_all_is_released_at_once_unless_somebody_waits(locks, owners):
    one, other, *_ = owners
    assert locks.release_plain(one)  # nothing
    locks.try_table(one, 1, LockMode.ROW_EXCLUSIVE)
    locks.lock_row(one, 1, 7, RowLock.KEY_SHARE)
    locks.lock_row(one, 1, 7, RowLock.UPDATE)
    locks.lock_row(other, 1, 8, RowLock.UPDATE)
    waiting = locks.lock_table(other, 1, LockMode.SHARE)
    assert not locks.release_plain(one)
    assert not waiting.done
    assert locks.row_blocker(other, 1, 7, RowLock.UPDATE) is one
    locks.release_since(one, (1, 0))
    locks.lock_row(one, 2, 9, RowLock.UPDATE)
    assert not locks.release_plain(one)
    locks.release_since(one)
    assert waiting.done
    assert locks.row_blocker(other, 1, 7, RowLock.UPDATE) is None
    assert locks.row_blocker(one, 1, 8, RowLock.UPDATE) is other
    assert locks.release_plain(other)
    assert locks.row_blocker(one, 1, 8, RowLock.UPDATE) is None
    assert locks.holders() == []
    assert not any(locks.rows_of(relation_id) for relation_id in (1, 2))


def test_who_left_a_wait_long_ago_does_not_end_another(locks, owners):
    a, b, c, _ = owners
    locks.register_xid(1, a)
    locks.register_xid(2, b)
    left = locks.wait_for_xid(c, 1)
    locks.cancel_wait(c)
    waiting = locks.wait_for_xid(c, 2)
    locks.cancel_wait(c, left)
    assert [edge.blocker for edge in locks.blockers(c)] == [b]
    locks.finish_xids((2,))
    assert waiting.done


def test_the_end_of_a_transaction_that_nobody_waits_for_is_told_apart(locks, owners):
    a, b, c, _ = owners
    locks.register_xid(1, a)
    locks.register_xid(2, b)
    waiting = locks.wait_for_xid(c, 2)
    assert not locks.end_xids((1,))
    assert not waiting.done
    assert locks.end_xids((3, 2))
    locks.finish_xids((3, 2))
    assert waiting.done

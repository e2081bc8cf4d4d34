"""Lane: what a prepared point statement keeps ready, so that Bind and Execute find everything worked out.

Rule 1: a lane is made on a basis and serves that one: whoever uses it compares.
Rule 2: replies are the bytes that the ordinary messages would be.
Rule 3: a lane that `serves_all` knows nothing of its session: numbers and strings look the same in every style.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from protocol.encode import encode
from protocol.messages import CommandComplete, NoData
from server.errors import SqlError
from server.executor.one_row import VolatileRow
from server.executor.point_range import RangeDelete, RangeReturning, RangeUpdate
from server.executor.point_read import KeyRead, key_read_of
from server.executor.point_references import are_checked_at_once, referenced_locks
from server.executor.point_returning import DeleteReturning, UpdateReturning
from server.executor.point_rows import RowInserts
from server.executor.point_twins import KeyDelete, KeyUpdate, RowInsert
from server.executor.point_upsert import PointUpsert
from server.executor.row_query import RowQuery
from server.executor.run import is_heavy
from server.executor.storage_columns import load_value
from server.executor.table_shape import shape_of
from server.expressions.parameters_only import computes_parameters
from server.planner import change_plans, physical
from server.session.execution import context, is_large, parameter_context
from server.session.native import KeySeries, frame_rows
from server.session.parameters import INTEGER_LIMITS, PARAMETERS_MAX, parameter_limits
from server.session.partition_locks import PartitionsLeft
from server.session.results import row_description
from server.session.row_replies import field_kind
from server.session.tried_lane import run_tried
from server.session.whole_lane import run_whole
from server.types.type import PLAIN_STYLE
from storage.engine import LockMode, table_lock

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.program import Program
    from server.planner.planned import PlannedStatement
    from server.session.basis import Basis
    from server.session.session import Session
    from server.session.state import Running
    from server.types.type import TextStyle, TypeReference
    from storage.engine import TableLock

EncodeField = Callable[[Any], bytes]
RunSteps = Callable[["Session", "Lane", tuple[Any, ...], tuple[int, ...]], Any]

LOCK_MODES = {
    "access share": LockMode.ACCESS_SHARE,
    "row share": LockMode.ROW_SHARE,
    "row exclusive": LockMode.ROW_EXCLUSIVE,
}
SERIES_COLUMNS = {21: 2, 23: 4, 20: 8, 25: 0, 1042: 0, 1043: 0}
"""Column types of the compiled path: the width of an integer, 0 for text."""

SERIES_COLUMNS_MAX = 256
CHANGES = (KeyUpdate, KeyDelete, RangeUpdate, RangeDelete, RowInsert, RowInserts, PointUpsert)
"""The point statements that change or insert one row or a few, and have nothing to return."""
_INTEGER_OIDS = frozenset((20, 21, 23, 26))
_TEXT_OIDS = frozenset((25, 1042, 1043))
_ROW = struct.Struct("!cIH")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)


class Lane:
    """A point statement made ready, or a small query of the row machine, which is its row_query then.

    key_read: it is a plain read by key, which needs no transaction; change: it changes one row or a few and has nothing
    to return; may_be_large: it is left where there are too many rows; leaves_checks: what the row refers to may have to
    be looked at when the statement is done. is_tried: it calls functions that may have to wait. run_steps: what runs
    it where it has no point: tried_lane or, if is_whole, whole_lane, which counts the runs that it has left. limits are
    those of its parameters (see parameter_limits). may_fail_without_row: as a text it may have an error that is not met
    where there is no row.
    """

    __slots__ = (
        "_encoders",
        "_kinds",
        "_stored",
        "change",
        "changes_by_key",
        "descriptions",
        "is_tried",
        "is_whole",
        "key_read",
        "leaves_checks",
        "left_count",
        "limits",
        "locks",
        "may_be_large",
        "may_fail_without_row",
        "partitions",
        "plain_formats",
        "planned",
        "program",
        "row_query",
        "run_steps",
        "series",
        "serves_all",
        "style",
        "tags",
    )

    def __init__(
        self,
        planned: PlannedStatement,
        program: Program,
        locks: tuple[TableLock, ...],
        key_read: KeyRead | None,
        style: TextStyle,
        *,
        leaves_checks: bool = False,
    ) -> None:
        self.planned = planned
        self.program = program
        self.locks = locks
        self.partitions = PartitionsLeft(planned) if planned.partitions else None
        self.key_read = key_read
        self.leaves_checks = leaves_checks
        self.is_tried = planned.calls_routines
        self.left_count = 0
        self.run_steps: RunSteps | None = None
        if program.point is None:
            self.run_steps = run_tried if self.is_tried else run_whole
        point = program.point
        self.row_query = point if isinstance(point, RowQuery) else None
        self._stored = (key_read is not None,) * len(planned.names)
        if self.row_query is not None:
            self._stored = self.row_query.stored
        self.style = style
        self.tags: dict[int, bytes] = {}
        self.descriptions: dict[tuple[int, ...], bytes] = {}
        self._encoders: dict[tuple[int, ...], tuple[EncodeField, ...]] = {}
        self._kinds: dict[tuple[int, ...], tuple[bytes, bytes]] = {}
        self.limits = parameter_limits(planned)
        self.plain_formats = (0,) * len(planned.names)
        self.change = point if isinstance(point, CHANGES) else None
        self.changes_by_key = isinstance(point, KeyUpdate | KeyDelete)
        of_found = self.changes_by_key or isinstance(
            point, UpdateReturning | DeleteReturning | RangeUpdate | RangeDelete | RangeReturning
        )
        self.may_be_large = isinstance(
            point or program.inner, RowQuery | RangeUpdate | RangeDelete | RangeReturning
        )
        self.is_whole = self.run_steps is run_whole
        self.may_be_large = self.may_be_large or self.is_whole
        self.may_fail_without_row = of_found and _computes_parameters(planned.plan)
        self.series = self._make_series()
        self.serves_all = self.series is not None
        if self.serves_all:
            self.style = PLAIN_STYLE  # the session's would keep it alive

    def lock_partitions(
        self, session: Session, running: Running, basis: Basis, parameters: tuple[Any, ...]
    ) -> bool:
        """Lock the partitions that the parameters leave, if they are free."""
        assert self.partitions is not None
        try:
            left = self.partitions.locks(parameter_context(session, running, basis, parameters))
        except SqlError:
            return False
        wanted = tuple(table_lock(oid, LOCK_MODES[mode]) for oid, mode in left)
        return session.database.engine.locks.try_all(running.storage, wanted)

    def description(self, formats: tuple[int, ...]) -> bytes:
        """RowDescription or NoData."""
        found = self.descriptions.get(formats)
        if found is None:
            planned = self.planned
            message = row_description(planned, formats) if planned.returns_rows else NoData()
            found = self.descriptions[formats] = encode(message)
        return found

    def complete(self, count: int) -> bytes:
        """CommandComplete; no lane gives so many rows that the tags could be too many."""
        found = self.tags.get(count)
        if found is None:
            message = CommandComplete(self.planned.completion_tag(count))
            found = self.tags[count] = encode(message)
        return found

    def data_row(self, row: Sequence[Any], formats: tuple[int, ...]) -> bytes:
        """The DataRow of values: stored ones of a key_read, else in row form."""
        encoders = self._encoders.get(formats)
        if encoders is None:
            encoders = self._encoders[formats] = self._make_encoders(formats)
        pieces = [b""]
        size = 6
        for value, field in zip(row, encoders, strict=True):
            if value is None:
                pieces.append(_NULL)
                size += 4
                continue
            data = field(value)
            size += 4 + len(data)
            pieces += (_LENGTH.pack(len(data)), data)
        pieces[0] = _ROW.pack(b"D", size, len(encoders))
        return b"".join(pieces)

    def reply_rows(self, rows: list[tuple[Any, ...]], formats: tuple[int, ...]) -> bytes:
        """The rows of a row_query, and CommandComplete."""
        return self.framed(rows, formats) + self.complete(len(rows))

    def framed(self, rows: list[tuple[Any, ...]], formats: tuple[int, ...]) -> bytes:
        """The DataRow messages of rows: of a row_query's as it gives them, else in row form."""
        encoders = self._encoders.get(formats)
        if encoders is None:
            encoders = self._encoders[formats] = self._make_encoders(formats)
        kinds = self._kinds.get(formats)
        if kinds is None:
            kinds = self._kinds[formats] = self._make_kinds(formats)
        framed: bytes = frame_rows(rows, *kinds, encoders)
        return framed

    def _make_kinds(self, formats: tuple[int, ...]) -> tuple[bytes, bytes]:
        """Kinds and scales of the columns; see row_replies."""
        columns = zip(self.planned.types, formats, self._stored, strict=True)
        found = [
            field_kind(reference, self.style, is_binary=code == 1, is_stored=is_stored)
            for reference, code, is_stored in columns
        ]
        return bytes(kind for kind, _ in found), bytes(scale for _, scale in found)

    def _make_series(self) -> KeySeries | None:
        """What the compiled path needs, for the types it knows."""
        read, planned = self.key_read, self.planned
        if read is None or len(planned.parameters) > PARAMETERS_MAX:
            return None
        limits = [INTEGER_LIMITS.get(reference.type.oid) for reference in planned.parameters]
        columns = [SERIES_COLUMNS.get(reference.type.oid) for reference in planned.types]
        keys = [INTEGER_LIMITS.get(source.reference.type.oid) for source in read.sources]
        if None in limits or None in columns or None in keys or len(columns) > SERIES_COLUMNS_MAX:
            return None
        return KeySeries(
            read.reader,
            [limit for limit in limits if limit is not None],
            read.sources,
            [width for width in columns if width is not None],
            self.locks,
            read.engine.locks.all_free,
            self.description,
            (self.complete(0), self.complete(1)),
        )

    def _make_encoders(self, formats: tuple[int, ...]) -> tuple[EncodeField, ...]:
        return tuple(
            _encoder(reference, code == 1, is_stored, self.style)
            for reference, code, is_stored in zip(
                self.planned.types, formats, self._stored, strict=True
            )
        )


def make_lane(session: Session, planned: PlannedStatement) -> Lane | None:
    """What the short path needs for a statement, if it is one for it."""
    if planned.catalog_version < 0 or planned.slow:
        return None
    if session.style.encoding is not None or session.basis().is_watched:
        return None  # a lane speaks the server's encoding, and tells nobody
    program = session.database.plans.program(planned)
    if is_heavy(planned) and not isinstance(program.point, RowQuery):
        return None
    return lane_of(planned, program, context(session), session.basis().style)


def lane_of(
    planned: PlannedStatement, program: Program, running: ExecutionContext, style: TextStyle
) -> Lane | None:
    """The lane of a statement; None when it has another shape or may have more to do than its row."""
    if is_large(planned) if program.point is None else not _is_point(planned, program):
        return None
    if program.point is None and _may_last(planned):
        return None
    modes = {mode for _, mode in planned.relations} | {each.mode for each in planned.partitions}
    if not modes <= LOCK_MODES.keys():
        return None
    is_change = planned.writes and planned.tag != "SELECT" and program.point is not None
    if is_change and not _stands_alone(planned, running):
        return None
    locks = tuple(table_lock(oid, LOCK_MODES[mode]) for oid, mode in planned.relations)
    plan, shape = planned.plan, None
    if isinstance(plan, change_plans.Insert) and program.point is not None:
        shape = shape_of(plan.table, running)
        locks += tuple(lock for lock in referenced_locks(shape, running) if lock not in locks)
    key_read = None
    if not planned.writes and not planned.volatile:
        key_read = key_read_of(plan, running)
    leaves_checks = shape is not None and bool(shape.checked_later)
    return Lane(planned, program, locks, key_read, style, leaves_checks=leaves_checks)


def _is_point(planned: PlannedStatement, program: Program) -> bool:
    """Whether there is more to a statement than what is computed without any row."""
    return bool(planned.relations) or isinstance(program.point, RowQuery | VolatileRow)


def _may_last(planned: PlannedStatement) -> bool:
    """Whether a query that cannot be begun again may give many rows: in the ordinary flow others have turns between."""
    if planned.writes or not planned.volatile or planned.calls_routines:
        return False
    plan = planned.plan
    while isinstance(plan, physical.Project | physical.Filter | physical.Limit):
        plan = plan.input
    return not isinstance(plan, physical.OneRow)


def _stands_alone(planned: PlannedStatement, running: ExecutionContext) -> bool:
    """Whether nothing of a change is left for the commit, and no other rows hang on what is deleted."""
    plan = planned.plan
    if isinstance(plan, change_plans.Insert):
        return are_checked_at_once(shape_of(plan.table, running))
    if isinstance(plan, change_plans.Delete):
        return not shape_of(plan.table, running).references
    return isinstance(plan, change_plans.Update)  # of columns that nothing hangs on


def _computes_parameters(plan: physical.Plan) -> bool:
    """Whether an UPDATE or DELETE by key computes something of parameters alone beside its key."""
    if not isinstance(plan, change_plans.Update | change_plans.Delete):
        return False
    found = [item for _, item in plan.assignments] if isinstance(plan, change_plans.Update) else []
    found += plan.returning or ()
    if isinstance(plan.input, physical.IndexScan) and plan.input.filter is not None:
        found.append(plan.input.filter)
    return any(map(computes_parameters, found))


def _encoder(
    reference: TypeReference, is_binary: bool, is_stored: bool, style: TextStyle
) -> EncodeField:
    """What makes a field of a value that is not NULL."""
    kind = reference.type
    if kind.oid in _INTEGER_OIDS and not is_binary:
        return lambda value: b"%d" % value
    if kind.oid in _TEXT_OIDS:
        return bytes if is_stored else str.encode
    if not is_stored:
        if is_binary:
            return kind.send
        return lambda value: kind.format(value, style).encode()
    if is_binary:
        return lambda value: kind.send(load_value(value, reference))
    return lambda value: kind.format(load_value(value, reference), style).encode()

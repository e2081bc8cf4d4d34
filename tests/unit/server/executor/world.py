"""A database of tables by hand: storage in memory, catalog objects, plans over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plans import context

from server.catalog.objects import Column, Constraint, Index, IndexKey, Schema, Table
from server.catalog.trigger_objects import Trigger
from server.executor.columns import rows_of
from server.executor.index_keys import KIND_BY_NAME, stored_kind
from server.executor.program import Program
from server.executor.run import execute
from server.executor.waits import is_wait
from server.expressions.expression import Expression, Variable
from server.planner import physical
from server.planner.planned import PlannedStatement
from server.types.registry import TYPE_BY_NAME, TYPE_BY_OID
from server.types.type import TypeReference
from storage.engine import Engine, Options
from storage.memory_files import MemoryFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext

OPTIONS = Options(
    wal_segment_bytes=1 << 20, store_bytes_max=1 << 26, page_segment_bytes=1 << 24, threads=False
)


class Catalog:
    """As much of a CatalogView as the executor asks for."""

    def __init__(self) -> None:
        self.objects: dict[int, Any] = {2200: Schema(oid=2200, name="public")}

    def object(self, oid: int) -> Any:
        return self.objects.get(oid)

    def type(self, oid: int) -> Any:
        return TYPE_BY_OID[oid]

    def _of(self, kind: type, field: str, table: int) -> tuple[Any, ...]:
        return tuple(
            value
            for value in self.objects.values()
            if isinstance(value, kind) and getattr(value, field) == table
        )

    def indexes_of(self, table: int) -> tuple[Any, ...]:
        return self._of(Index, "table", table)

    def constraints_of(self, table: int) -> tuple[Any, ...]:
        return self._of(Constraint, "table", table)

    def triggers_of(self, table: int) -> tuple[Any, ...]:
        return self._of(Trigger, "table", table)

    def references_to(self, table: int) -> tuple[Any, ...]:
        return self._of(Constraint, "referenced_table", table)


class World:
    """Storage and catalog, and transactions over them."""

    def __init__(self) -> None:
        self.engine = Engine.create(MemoryFiles(), OPTIONS, store_id=1)
        self.catalog = Catalog()
        self._next_column = 1000

    def table(self, name: str, **columns: str) -> Table:
        """Make a table; a type name that ends in ! is NOT NULL, :number is a modifier."""
        oid = self.engine.next_id()
        made = tuple(
            Column(
                number=number,
                name=column,
                type=TYPE_BY_NAME[kind.rstrip("!").partition(":")[0]].oid,
                modifier=int(kind.partition(":")[2] or -1),
                not_null=kind.endswith("!"),
            )
            for number, (column, kind) in enumerate(columns.items(), 1)
        )
        table = Table(oid=oid, name=name, schema=2200, columns=made, storage_id=oid)
        kinds = [KIND_BY_NAME[stored_kind(TYPE_BY_OID[c.type], c.modifier)] for c in made]
        with self.engine.latch:
            transaction = self.engine.begin()
            transaction.create_relation(oid, kinds)
            transaction.commit().wait()
        self.catalog.objects[oid] = table
        return table

    def index(self, table: Table, *numbers: int, unique: bool = False, **more: Any) -> Index:
        oid = self.engine.next_id()
        keys = tuple(
            IndexKey(number=n, type=table.column(n).type, descending=more.get("descending", False))
            for n in numbers
        )
        index = Index(
            oid=oid,
            name=f"{table.name}_{'_'.join(table.column(n).name for n in numbers)}_key",
            schema=2200,
            table=table.oid,
            storage_id=oid,
            keys=keys,
            unique=unique,
        )
        with self.engine.latch:
            transaction = self.engine.begin()
            transaction.create_index(oid, unique)
            transaction.commit().wait()
        self.catalog.objects[oid] = index
        return index

    def foreign_key(self, table: Table, number: int, referenced: Table, **more: Any) -> Constraint:
        constraint = Constraint(
            oid=self.engine.next_id(),
            name=f"{table.name}_fkey",
            schema=2200,
            table=table.oid,
            kind="f",
            columns=(number,),
            referenced_table=referenced.oid,
            referenced_columns=(1,),
            **more,
        )
        self.catalog.objects[constraint.oid] = constraint
        return constraint

    def columns(self, table: Table, *extra: int) -> tuple[tuple[int, int], ...]:
        """Fresh column numbers for all attributes and some system ones: attribute, number."""
        numbers = [column.number for column in table.columns] + list(extra)
        self._next_column += len(numbers)
        return tuple((n, self._next_column + place) for place, n in enumerate(numbers))

    def types(
        self, table: Table, columns: tuple[tuple[int, int], ...]
    ) -> tuple[TypeReference, ...]:
        return tuple(
            TypeReference(TYPE_BY_OID[table.column(n).type], table.column(n).modifier)
            if n > 0
            else TypeReference(TYPE_BY_OID[20])
            for n, _ in columns
        )

    def scan(
        self, table: Table, *extra: int, where: Any = None, **more: Any
    ) -> tuple[physical.TableScan, dict[str, Variable]]:
        columns = self.columns(table, *extra)
        named = variables(table, columns, self.types(table, columns))
        condition: Expression | None = None if where is None else where(named)
        node = physical.TableScan(
            table=table,
            alias=table.name,
            attributes=tuple(n for n, _ in columns),
            output=tuple(number for _, number in columns),
            types=self.types(table, columns),
            filter=condition,
            **more,
        )
        return node, named


def variables(table: Table, columns: Any, types: Any) -> dict[str, Variable]:
    names = {n: table.column(n).name if n > 0 else f"system{-n}" for n, _ in columns}
    return {
        names[n]: Variable(type=type_, column=number)
        for (n, number), type_ in zip(columns, types, strict=True)
    }


class Client:
    """One transaction at a time over a world."""

    def __init__(self, world: World, *, repeatable: bool = False) -> None:
        self.world = world
        self.repeatable = repeatable
        self.deferred: list[Any] = []
        self.begin()

    def begin(self) -> None:
        with self.world.engine.latch:
            self.transaction = self.world.engine.begin(keep_snapshot=self.repeatable)

    def commit(self) -> None:
        with self.world.engine.latch:
            done = self.transaction.commit()
        done.wait()
        self.begin()

    def rollback(self) -> None:
        with self.world.engine.latch:
            self.transaction.abort()
        self.begin()

    def context(self) -> ExecutionContext:
        with self.world.engine.latch:
            self.transaction.next_command()
            snapshot = self.transaction.snapshot()
        return context(
            engine=self.world.engine,
            transaction=self.transaction,
            snapshot=snapshot,
            catalog=self.world.catalog,
            read_committed=not self.repeatable,
            deferred=self.deferred,
        )

    def start(self, plan: physical.Plan) -> Running:
        return Running(plan, self.context())

    def run(self, plan: physical.Plan) -> list[tuple[Any, ...]]:
        """Run a statement that need not wait."""
        running = self.start(plan)
        assert running.is_done, "has to wait"
        return running.rows


class Running:
    """A statement under way: it goes on until it has to wait."""

    def __init__(self, plan: physical.Plan, found: ExecutionContext) -> None:
        planned = PlannedStatement(
            plan=plan, names=(), types=(), origins=(), own_types=(), parameters=(), tag="", returns_rows=True,
            writes=True, relations=(), catalog_version=0,
        )  # fmt: skip
        self.context = found
        self.rows: list[tuple[Any, ...]] = []
        self.is_done = False
        self._steps: Iterator[Any] = iter(execute(planned, found, Program(plan)))
        self.go_on()

    def go_on(self) -> None:
        for step in self._steps:
            if is_wait(step):
                assert not step.completion.done
                return
            self.rows += rows_of(step)
        self.is_done = True

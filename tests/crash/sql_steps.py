"""What a transaction of the SQL simulation may do: each step changes a table and its model alike.

A step is a function of the play, the name of a table that is there, and the state its model is in; it gives whether
the statement was carried out, which it is but on a full disk.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

LETTERS = "string_to_array(words, NULL)"
COLUMNS = ("extra", "more")
LONG = ("", "short", "x" * 30, "y" * 400, "z" * 2000)
KEY_LENGTH_MAX = 2500
LARGE_LENGTH = 70_000

Row = tuple[str | None, ...]


@dataclass
class TableModel:
    """A table as it should be: names of the columns behind id and words, rows by id, indexed columns."""

    columns: list[str] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    is_logged: bool = True
    """Whether a crash leaves its rows."""

    def copy(self) -> "TableModel":
        """Another that is the same."""
        return TableModel([*self.columns], {**self.rows}, {**self.indexes}, self.is_logged)

    def may_be_key(self, column: str) -> bool:
        """Whether the column's values are short enough for an index."""
        position = ("id", "words", *self.columns).index(column)
        return all(len(row[position] or "") < KEY_LENGTH_MAX for row in self.rows.values())


State = dict[str, TableModel]


def copied(state: State) -> State:
    """Another state that is the same."""
    return {name: table.copy() for name, table in state.items()}


class Play(Protocol):
    """What steps need of the simulation."""

    random: random.Random
    next_id: int
    has_temporary: bool
    """Whether the transaction has used temporary objects, so that it cannot be prepared."""

    def ask(self, sql: str, lines: bytes = b"") -> list[str] | None:
        """Run a statement; None when the disk was full."""


def literal(value: str | None) -> str:
    """A value in SQL."""
    return "NULL" if value is None else f"'{value}'"


def create(play: Play, name: str, state: State) -> bool:
    """A table of two columns."""
    is_logged = play.random.random() < 0.7
    state[name] = TableModel(is_logged=is_logged)
    kind = "" if is_logged else "UNLOGGED "
    return bool(play.ask(f"CREATE {kind}TABLE {name} (id int PRIMARY KEY, words text)"))


def set_logged(play: Play, name: str, state: State) -> bool:
    """The table is logged from now on, or no longer."""
    table = state[name]
    table.is_logged = not table.is_logged
    return bool(play.ask(f"ALTER TABLE {name} SET {'' if table.is_logged else 'UN'}LOGGED"))


def drop(play: Play, name: str, state: State) -> bool:
    """The table goes."""
    del state[name]
    return bool(play.ask(f"DROP TABLE {name}"))


def new_rows(play: Play, table: TableModel, count: int) -> list[Row]:
    """Rows with new ids, which the model has from now on."""
    rows: list[Row] = []
    for _ in range(count):
        rest = tuple(words(play) for _ in table.columns)
        rows.append((str(play.next_id), words(play), *rest))
        table.rows[play.next_id] = rows[-1]
        play.next_id += 1
    return rows


def words(play: Play) -> str | None:
    """A value by chance."""
    word = play.random.choice(LONG)
    return f"{word}{play.random.randrange(50)}" if word else None


def insert(play: Play, name: str, state: State) -> bool:
    """Some rows."""
    rows = new_rows(play, state[name], play.random.randrange(1, 4))
    values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
    return bool(play.ask(f"INSERT INTO {name} VALUES {values}"))


def copy(play: Play, name: str, state: State) -> bool:
    """Rows by COPY, a few or many."""
    rows = new_rows(play, state[name], play.random.choice((3, 40, 150)))
    lines = "".join("\t".join("\\N" if v is None else v for v in row) + "\n" for row in rows)
    return bool(play.ask(f"COPY {name} FROM STDIN", lines.encode()))


def update(play: Play, name: str, state: State) -> bool:
    """One row or many, an indexed column or another."""
    table = state[name]
    number = play.random.randrange(1, play.next_id + 1)
    column = play.random.choice(("words", *table.columns))
    position = ("words", *table.columns).index(column) + 1
    word = words(play)
    operator = play.random.choice(("=", "=", ">"))
    for row_id, row in table.rows.items():
        if row_id == number if operator == "=" else row_id > number:
            table.rows[row_id] = (*row[:position], word, *row[position + 1 :])
    change = f"SET {column} = {literal(word)} WHERE id {operator} {number}"
    return bool(play.ask(f"UPDATE {name} {change}"))


def delete(play: Play, name: str, state: State) -> bool:
    """Rows of a range of ids."""
    number = play.random.randrange(1, play.next_id + 1)
    width = play.random.choice((1, 10, 1000))
    rows = state[name].rows
    state[name].rows = {key: row for key, row in rows.items() if not number <= key < number + width}
    return bool(play.ask(f"DELETE FROM {name} WHERE id >= {number} AND id < {number + width}"))


def truncate(play: Play, name: str, state: State) -> bool:
    """All rows."""
    state[name].rows = {}
    return bool(play.ask(f"TRUNCATE {name}"))


def reload(play: Play, name: str, state: State) -> bool:
    """All rows go and others come, which nobody else sees before the end."""
    return truncate(play, name, state) and copy(play, name, state)


def add_column(play: Play, name: str, state: State) -> bool:
    """A column with a value for the rows there are; one that is there goes."""
    table = state[name]
    column = play.random.choice(COLUMNS)
    if column in table.columns:
        return drop_column(play, name, column, state)
    word = words(play)
    table.columns.append(column)
    table.rows = {key: (*row, word) for key, row in table.rows.items()}
    added = play.ask(f"ALTER TABLE {name} ADD {column} text DEFAULT {literal(word)}")
    return bool(added and play.ask(f"ALTER TABLE {name} ALTER {column} DROP DEFAULT"))


def drop_column(play: Play, name: str, column: str, state: State) -> bool:
    """A column and its indexes go."""
    table = state[name]
    position = table.columns.index(column) + 2
    table.columns.remove(column)
    table.rows = {key: (*r[:position], *r[position + 1 :]) for key, r in table.rows.items()}
    table.indexes = {key: on for key, on in table.indexes.items() if on != column}
    return bool(play.ask(f"ALTER TABLE {name} DROP {column}"))


def index(play: Play, name: str, state: State) -> bool:
    """An index comes or goes."""
    table = state[name]
    column = play.random.choice(("words", *table.columns))
    index = f"{name}_{column}"
    if index in table.indexes:
        del table.indexes[index]
        return bool(play.ask(f"DROP INDEX {index}"))
    if not table.may_be_key(column):
        return delete(play, name, state)
    table.indexes[index] = column
    return bool(play.ask(f"CREATE INDEX {index} ON {name} ({column})"))


def inverted(play: Play, name: str, state: State) -> bool:
    """An inverted index comes or goes."""
    indexes = state[name].indexes
    index = f"{name}_letters"
    if index in indexes:
        del indexes[index]
        return bool(play.ask(f"DROP INDEX {index}"))
    indexes[index] = "words"
    return bool(play.ask(f"CREATE INDEX {index} ON {name} USING gin ({LETTERS})"))


def rewrite(play: Play, name: str, _state: State) -> bool:
    """The table is written anew, with another type or the same."""
    how = play.random.choice(("varchar", "text", "text USING words || ''"))
    return bool(play.ask(f"ALTER TABLE {name} ALTER words TYPE {how}"))


def rename(play: Play, name: str, state: State) -> bool:
    """A column has another name."""
    table = state[name]
    if not table.columns or {*COLUMNS} <= {*table.columns} or table.indexes:
        return update(play, name, state)
    (new,) = {*COLUMNS} - {*table.columns}
    (old,) = table.columns
    table.columns = [new]
    return bool(play.ask(f"ALTER TABLE {name} RENAME {old} TO {new}"))


def upsert(play: Play, name: str, state: State) -> bool:
    """Rows that are there are changed, others come."""
    table = state[name]
    known = play.random.sample(sorted(table.rows), min(3, len(table.rows)))
    for row_id in known:
        table.rows[row_id] = (str(row_id), "upserted", *table.rows[row_id][2:])
    added = new_rows(play, table, 2)
    values = [(str(row_id), "upserted", *(None for _ in table.columns)) for row_id in known]
    rows = ", ".join(f"({', '.join(map(literal, row))})" for row in (*values, *added))
    change = f"INSERT INTO {name} VALUES {rows} ON CONFLICT (id) DO UPDATE SET words = 'upserted'"
    return bool(play.ask(change))


def replace(play: Play, name: str, state: State) -> bool:
    """Rows go and others come under their keys, as in a queue."""
    table = state[name]
    known = play.random.sample(sorted(table.rows), min(5, len(table.rows)))
    if not known:
        return insert(play, name, state)
    for row_id in known:
        table.rows[row_id] = (str(row_id), "again", *(None for _ in table.columns))
    listed = ", ".join(map(str, known))
    gone = play.ask(f"DELETE FROM {name} WHERE id IN ({listed})")
    values = ", ".join(f"({row_id}, 'again')" for row_id in known)
    return bool(gone and play.ask(f"INSERT INTO {name} (id, words) VALUES {values}"))


def insert_many(play: Play, name: str, state: State) -> bool:
    """More rows than are written one by one."""
    table = state[name]
    count, first = play.random.choice((300, 300, 3000)), play.next_id
    play.next_id += count
    for row_id in range(first, first + count):
        table.rows[row_id] = (str(row_id), f"many {row_id % 7}", *(None for _ in table.columns))
    source = f"SELECT n, 'many ' || n % 7 FROM generate_series({first}, {first + count - 1}) n"
    return bool(play.ask(f"INSERT INTO {name} (id, words) {source}"))


def enlarge(play: Play, name: str, state: State) -> bool:
    """A value that has pages of its own."""
    table = state[name]
    if not table.rows or "words" in table.indexes.values():
        return update(play, name, state)
    row_id = play.random.choice(sorted(table.rows))
    letter = play.random.choice("LMN")
    table.rows[row_id] = (str(row_id), letter * LARGE_LENGTH, *table.rows[row_id][2:])
    value = f"repeat('{letter}', {LARGE_LENGTH})"
    return bool(play.ask(f"UPDATE {name} SET words = {value} WHERE id = {row_id}"))


def copy_aside(play: Play, name: str, state: State) -> bool:
    """A temporary table, which no crash leaves."""
    play.has_temporary = True
    play.ask("DROP TABLE IF EXISTS pg_temp.scratch")
    return bool(play.ask(f"CREATE TEMP TABLE scratch AS SELECT * FROM {name}"))


def reindex(play: Play, name: str, state: State) -> bool:
    """All its indexes are made anew."""
    return bool(play.ask(f"REINDEX TABLE {name}"))


Step = Callable[[Play, str, State], bool]
STEPS: dict[Step, int] = {
    insert: 20,
    copy: 15,
    update: 30,
    delete: 12,
    truncate: 3,
    reload: 3,
    set_logged: 3,
    add_column: 8,
    index: 10,
    inverted: 8,
    rewrite: 2,
    rename: 3,
    drop: 3,
    upsert: 6,
    replace: 6,
    insert_many: 2,
    enlarge: 4,
    copy_aside: 3,
    reindex: 2,
}
"""How often each is chosen."""


def take_step(play: Play, name: str, state: State) -> bool:
    """One of them by chance; where there is no table, it is made."""
    if name not in state:
        return create(play, name, state)
    (step,) = play.random.choices([*STEPS], [*STEPS.values()])
    return step(play, name, state)

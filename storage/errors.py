"""What can go wrong in storage, in storage's own words; the server translates them to SQLSTATEs.

Rule 1: an expected outcome of an operation is a return value; these end a statement or the server.
Rule 2: Failed is final. After it nothing is written any more; only a restart with recovery helps.
"""


class StorageError(Exception):
    """Whatever storage raises on purpose."""


class Conflict(StorageError):
    """A concurrent transaction changed what this one wanted to change."""


class SerializationConflict(Conflict):
    """Reads and writes of concurrent serializable transactions fit into no order; says what showed it."""


class KeyTooLarge(StorageError):
    """An index key does not fit into a page a third of which it may take."""

    def __init__(self, key_bytes: int, key_bytes_max: int) -> None:
        super().__init__(f"index row size {key_bytes} exceeds maximum {key_bytes_max}")
        self.key_bytes = key_bytes
        self.key_bytes_max = key_bytes_max


class NoSuchRelation(StorageError):
    """There is no table, or no index, with this id."""

    def __init__(self, relation_id: int) -> None:
        super().__init__(f"relation {relation_id} does not exist")
        self.relation_id = relation_id


class Corruption(StorageError):
    """Bytes on disk are not what was written there; names the file and the page or position."""

    def __init__(self, file: str, position: int | None, detail: str) -> None:
        where = file if position is None else f"{file}, page {position}"
        super().__init__(f"{detail} in {where}")
        self.file = file
        self.position = position
        self.detail = detail


class DiskFull(StorageError):
    """There is no room to reserve; nothing was changed, and a later try may succeed."""


class Failed(StorageError):
    """A write or sync failed earlier, so storage has stopped for good."""


class DirectoryError(StorageError):
    """The data directory cannot be used: in use, foreign, newer, or with loose permissions."""

"""Options: the sizes and limits storage is opened with, and the switches only tests may turn.

Page and segment sizes are written into the control block when a directory is created and must be
the same at every later start; all else may change between starts.
"""

from dataclasses import dataclass, field

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Protocol:
    """The rules of crash safety, each of which a test can switch off to prove that it is needed."""

    full_page_images: bool = True
    wal_before_page: bool = True
    sync_pages_before_checkpoint: bool = True
    sync_wal_at_commit: bool = True
    incarnations: bool = True
    fail_stop: bool = True
    release_after_checkpoint: bool = True
    redone_releases_wait: bool = True


@dataclass(frozen=True, slots=True)
class Options:
    """How storage is laid out and how much it may use."""

    page_bytes: int = 8 * KIB
    page_segment_bytes: int = GIB
    wal_segment_bytes: int = 16 * MIB
    max_wal_size: int = GIB
    wal_buffer_bytes: int = 4 * MIB
    wal_spare_segments: int = 1
    checkpoint_timeout_seconds: float = 300.0
    dirty_bytes_max: int = 256 * MIB
    store_bytes_max: int = 1016 * GIB
    growth_bytes_min: int = MIB
    growth_bytes_max: int = 64 * MIB
    free_bytes_kept: int = 16 * MIB
    slice_pages: int = 128
    slices_per_sync: int = 8
    decoded_bytes_max: int = 256 * MIB
    sealed_rows_min: int = 1 << 16
    threads: bool = True
    verify_checksums: bool = True
    protocol: Protocol = field(default_factory=Protocol)

    def __post_init__(self) -> None:
        assert self.page_bytes >= 512
        assert self.page_bytes & (self.page_bytes - 1) == 0
        assert self.page_segment_bytes % self.page_bytes == 0
        assert self.wal_segment_bytes % 512 == 0
        assert self.growth_bytes_min % self.page_bytes == 0
        assert self.store_bytes_max % self.page_bytes == 0

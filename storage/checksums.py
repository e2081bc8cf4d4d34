"""CRC32C of WAL records and pages.

A page's checksum covers the store it belongs to and its number besides its bytes, so that a page
at the wrong place or from another directory is found out. It is never 0: a stored 0 means that the
page was never written and reads as zeros.
"""

import struct

import google_crc32c

from storage.files import Bytes

_PLACE = struct.Struct("<QQ")


def crc32c(data: bytes) -> int:
    """CRC32C (Castagnoli) of the bytes."""
    return int(google_crc32c.value(data))


def record_checksum(data: bytes, start: int, length: int) -> int:
    """The checksum of a WAL record within data, its own checksum field taken as zero."""
    head = google_crc32c.value(data[start : start + 4] + b"\0\0\0\0")
    return int(google_crc32c.extend(head, data[start + 8 : start + length]))


def page_checksum(store_id: int, page_no: int, content: bytes) -> int:
    """The checksum of a page's content at its place; never 0."""
    place = google_crc32c.value(_PLACE.pack(store_id, page_no))
    return int(google_crc32c.extend(place, content)) or 1


def page_checksums(
    store_id: int, first_page: int, content: bytes | Bytes, page_bytes: int
) -> list[int]:
    """The checksums of a run of pages."""
    assert len(content) % page_bytes == 0
    return [
        page_checksum(store_id, first_page + index, bytes(content[start : start + page_bytes]))
        for index, start in enumerate(range(0, len(content), page_bytes))
    ]

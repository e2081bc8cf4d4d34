"""CRC32C: the published vectors, by every implementation there is."""

import pytest

from storage import checksums
from storage.native import checksums as native

CRCS = [checksums.crc32c, native.crc32c, native.crc32c_software]


@pytest.mark.parametrize("crc32c", CRCS)
@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),  # RFC 3720, B.4
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_vectors(crc32c, data, wanted):
    assert crc32c(data) == wanted


def test_twins_agree_on_records():
    data = bytes(range(200))
    zeroed = data[10:14] + bytes(4) + data[18:110]
    assert checksums.record_checksum(data, 10, 100) == checksums.crc32c(zeroed)
    assert native.record_checksum(data, 10, 100) == checksums.crc32c(zeroed)


def test_twins_agree_on_pages():
    content = bytes(range(256)) * 64
    wanted = checksums.page_checksums(7, 3, content, 4096)
    assert native.page_checksums(7, 3, content, 4096) == wanted
    assert len(set(wanted)) == 4, "equal pages at different places differ"
    assert checksums.page_checksums(8, 3, content, 4096) != wanted

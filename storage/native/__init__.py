"""Chooses, once, between the compiled twins and the Python originals.

RUSTYDB_NATIVE=0 in the environment forces the originals, so that one test suite runs on both.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from storage.ahead import Ahead
    from storage.change import Change, PageTable, redo
    from storage.checksums import crc32c, page_checksums, record_checksum
    from storage.key_words import (
        count_bins,
        differing_columns,
        keys_of,
        move_to_ranges,
        repeated_keys,
        words_of,
    )
    from storage.log_record import own_places, read_records, skip_records
    from storage.log_writer import LogWriter
    from storage.logbuffer import LogBuffer
    from storage.number_keys import number_keys
    from storage.packed_loops import framed_numbers, packed_views, text_codes
    from storage.replay import replay_records
    from storage.string_loops import (
        blob_views,
        gather_blob,
        gather_bytes,
        gather_str,
        measure_blob,
        measure_strings,
        pack_blob,
        pack_strings,
    )
else:
    from storage.native.ahead import Ahead
    from storage.native.change import Change, PageTable, redo
    from storage.native.checksums import crc32c, page_checksums, record_checksum
    from storage.native.key_words import (
        count_bins,
        differing_columns,
        keys_of,
        move_to_ranges,
        repeated_keys,
        words_of,
    )
    from storage.native.log_record import own_places, read_records, skip_records
    from storage.native.log_writer import LogWriter
    from storage.native.logbuffer import LogBuffer
    from storage.native.number_keys import number_keys
    from storage.native.packed import framed_numbers, packed_views, text_codes
    from storage.native.replay import replay_records
    from storage.native.strings import (
        blob_views,
        gather_blob,
        gather_bytes,
        gather_str,
        measure_blob,
        measure_strings,
        pack_blob,
        pack_strings,
    )

__all__ = [
    "Ahead",
    "Change",
    "LogBuffer",
    "LogWriter",
    "PageTable",
    "blob_views",
    "count_bins",
    "crc32c",
    "differing_columns",
    "framed_numbers",
    "gather_blob",
    "gather_bytes",
    "gather_str",
    "keys_of",
    "measure_blob",
    "measure_strings",
    "move_to_ranges",
    "number_keys",
    "own_places",
    "pack_blob",
    "pack_strings",
    "packed_views",
    "page_checksums",
    "read_records",
    "record_checksum",
    "redo",
    "repeated_keys",
    "replay_records",
    "skip_records",
    "text_codes",
    "words_of",
]

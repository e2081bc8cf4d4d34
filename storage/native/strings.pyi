from storage.string_loops import blob_views as blob_views
from storage.string_loops import gather_blob as gather_blob
from storage.string_loops import gather_bytes as gather_bytes
from storage.string_loops import gather_str as gather_str
from storage.string_loops import measure_blob as measure_blob
from storage.string_loops import measure_strings as measure_strings
from storage.string_loops import pack_blob as pack_blob
from storage.string_loops import pack_strings as pack_strings

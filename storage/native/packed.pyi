from storage.packed_loops import framed_numbers as framed_numbers
from storage.packed_loops import packed_views as packed_views
from storage.packed_loops import text_codes as text_codes

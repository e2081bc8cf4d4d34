from storage.packed_loops import packed_views as packed_views

from storage.row_paths import RowPaths as RowPaths

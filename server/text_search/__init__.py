"""Text search: parsing documents, normalising words, matching, ranking and headlines."""

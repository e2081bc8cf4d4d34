from storage.key_writer import KeyWriter as KeyWriter

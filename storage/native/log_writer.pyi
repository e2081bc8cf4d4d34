from storage.log_writer import LogWriter as LogWriter

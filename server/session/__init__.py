"""Sessions: one client's conversation each, without a socket."""

"""Sockets: the only place below main that knows the event loop."""

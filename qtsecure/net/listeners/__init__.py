"""Accepting TCP connections: a listening socket, watched by the reactor or by Qt."""

"""Accepting TCP connections: the reactor's own listening socket, or a QTcpServer."""

"""UDP: the reactor's own sockets, or QUdpSocket."""

"""SocketClient: from the name of a host or a service to a connection, encrypted or not.

The class is in ``client``. A *connectable* (``NetworkAddress``, ``NetworkService``, ``InetAddress``, ``UnixAddress``)
says where to; its *enumerator* finds addresses one by one, with the help of a ``NameResolver``; a ``Race`` tries them,
each in an ``Attempt``; a ``ConnectOperation`` is the program's handle on all of it.
"""

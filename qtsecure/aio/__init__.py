"""Awaitables and async iterators over qtsecure's objects, for asyncio on Qt's event loop.

The same code runs on PySide6.QtAsyncio and on qasync: only asyncio is used here. Every wait first
looks whether what it waits for is there already, and looks again when it is woken, so nothing that
arrives between a signal and the task's next step is lost. Nothing stays connected behind a wait.

* ``alive``: arguments that are none, and objects that were deleted;
* ``attempts``: what becomes of a connection whose call fails;
* ``signals``: the one wait that everything else is made of;
* ``streams``: an SslSocket: connecting, reading, writing;
* ``datagrams``: a DtlsPeer;
* ``operations``: a ConnectOperation of a SocketClient;
* ``ends``: what both have: read(), write(), drain(), close();
* ``incoming``: what comes, for ``async for``;
* ``servers``: the connections of an SslServer or a DtlsServer, one after the other.

Cancelling a call ends what that call has begun, and nothing else: a cancelled ``connectEncrypted()``
aborts its connection, a cancelled ``read()`` leaves the data where it is. Objects are used in the
thread that they live in, which has to be the loop's.
"""

from __future__ import annotations

from qtsecure.aio.datagrams import connectDtls
from qtsecure.aio.ends import close, drain, read, write
from qtsecure.aio.incoming import incoming, lines
from qtsecure.aio.operations import finished
from qtsecure.aio.servers import serve
from qtsecure.aio.signals import until
from qtsecure.aio.streams import connectEncrypted, readExactly, readLine, startClientEncryption

__all__ = [
    "close",
    "connectDtls",
    "connectEncrypted",
    "drain",
    "finished",
    "incoming",
    "lines",
    "read",
    "readExactly",
    "readLine",
    "serve",
    "startClientEncryption",
    "until",
    "write",
]

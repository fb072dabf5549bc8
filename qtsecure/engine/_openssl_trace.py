"""The messages of handshakes as OpenSSL reads and writes them, below pyOpenSSL's public API.

OpenSSL calls back for each record and each message, so only contexts of connections that are traced
have the callback.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from qtsecure.engine._openssl import _address, _callback, _hooks

__all__ = ["trace_messages", "tracing_supported"]

_HANDSHAKE = 22

tracing_supported: bool = hasattr(lib, "SSL_CTX_set_msg_callback")


@_callback("void(int, int, int, const void *, size_t, SSL *, void *)")
def _on_message(sent: int, _: int, content_type: int, data: Any, size: int, ssl: Any, __: Any) -> None:
    if content_type != _HANDSHAKE or not size:
        return
    hooks = _hooks.get(_address(ssl))
    if hooks is None:
        return
    try:
        hooks.message_traced(bool(sent), ffi.cast("const unsigned char *", data)[0], size)
    except BaseException as error:
        hooks.raised = error


def trace_messages(context: SSL.Context) -> None:
    """Tell the hooks of each connection of ``context`` of each message of its handshake."""
    lib.SSL_CTX_set_msg_callback(context._context, _on_message)

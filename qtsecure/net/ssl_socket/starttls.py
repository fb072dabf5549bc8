"""From plain text to TLS on one connection: what may cross the border, and what may not.

What arrived before TLS began and nobody has read is either the beginning of the peer's handshake or
something that does not belong there. It is never handed out later, as if it had come through TLS:
that is how commands were injected into mail servers (CVE-2011-0411) and answers into mail clients.
A server accepts the beginning of a TLS handshake; a client, which speaks first, accepts nothing.
"""

from __future__ import annotations

from PySide6.QtCore import QIODevice

from qtsecure.errors import SecureError
from qtsecure.net import late
from qtsecure.net.ssl_socket.reading import Reading

__all__ = ["earlyInputProblem_untrusted", "refuseOpenTransaction", "takeEarlyInput"]


def refuseOpenTransaction(socket: Reading, method: str) -> None:
    """Raise when a roll-back could bring plain text back into the encrypted stream."""
    if QIODevice.isTransactionStarted(socket):
        raise SecureError(
            SecureError.Code.Pending,
            f"{method}() cannot be called inside a read transaction, whose roll-back would hand out unencrypted "
            "bytes as if they had come through TLS; commit it or roll it back first.",
        )


def takeEarlyInput(socket: Reading) -> bytes:
    """Everything that has arrived and was not read, also what QIODevice has peeked at."""
    dataPath = socket._dataPath
    held = bytes(QIODevice.readAll(socket).data()) if dataPath.qtHolds else b""
    return held + socket._takeAll() if dataPath.incoming.size else held


def earlyInputProblem_untrusted(early: bytes, *, server: bool) -> str:
    """What is wrong with bytes that came before TLS began; empty when nothing is."""
    if not early or (server and late.starts_tls_handshake_untrusted(early)):
        return ""
    peer = "client" if server else "server"
    return (
        f"The {peer} sent {late.describe_first_bytes_untrusted(early)} between the request for TLS and its beginning. "
        "Somebody may be trying to inject it into the encrypted connection, so the connection was closed."
    )

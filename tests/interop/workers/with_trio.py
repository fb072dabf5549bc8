"""trio's DTLS, which has another state machine around the same binding of OpenSSL, as a worker."""

from __future__ import annotations

import sys
from typing import Any

import trio
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from tests.interop.workers.orders import Orders, say, sayTold

_PROTOCOLS = {"DTLSv1.2": "DTLS 1.2"}


def _context(orders: Orders) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    if orders.certificate:
        context.use_certificate_chain_file(orders.certificate)
        context.use_privatekey_file(orders.key)
    if orders.authority:
        context.load_verify_locations(orders.authority)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *arguments: bool(arguments[-1]))
    context.set_session_id(b"trio")
    names = [name.encode() for name in orders.alpn]
    if names and orders.server:
        context.set_alpn_select_callback(lambda _, offered: next(name for name in names if name in offered))
    elif names:
        context.set_alpn_protos(names)
    return context


def _tell(channel: Any) -> None:
    # The channel tells none of this itself.
    connection: SSL.Connection = channel._ssl
    certificate = connection.get_peer_certificate(as_cryptography=True)
    sayTold(
        version=_PROTOCOLS.get(connection.get_protocol_version_name(), "other"),
        certificate=certificate.public_bytes(Encoding.DER) if certificate is not None else b"",
        alpn=connection.get_alpn_proto_negotiated().decode(),
        psk=None,
        resumed=None,
    )


async def _answer(channel: trio.DTLSChannel) -> None:
    await channel.do_handshake()
    _tell(channel)
    try:
        async for message in channel:
            say(received=message.decode())
            await channel.send(message)
    except SSL.ZeroReturnError:  # trio has nothing else for it
        say(end="closeNotify")


async def _serve(orders: Orders) -> None:
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as socket:
        await socket.bind(("127.0.0.1", 0))
        say(listening=socket.getsockname()[1])
        await trio.DTLSEndpoint(socket).serve(_context(orders), _answer)


async def _connect(orders: Orders) -> None:
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as socket:
        channel = trio.DTLSEndpoint(socket).connect(("127.0.0.1", orders.port), _context(orders))
        await channel.do_handshake()
        _tell(channel)
        while line := await trio.to_thread.run_sync(sys.stdin.buffer.readline):
            await channel.send(line)
            say(received=(await channel.receive()).decode())
        channel.close()


def main() -> None:
    """Obey."""
    orders = Orders.given()
    trio.run(_serve if orders.server else _connect, orders)

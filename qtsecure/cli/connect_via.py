"""``qtsecure connect`` to services and through proxies: a SocketClient makes the connection, TLS begins afterwards."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from qtsecure import (
    ClientEvent,
    NetworkAddress,
    NetworkService,
    ProxyAddress,
    SecureError,
    SimpleProxyResolver,
    SocketClient,
    SocketConnectable,
    SslSocket,
)
from qtsecure.cli.arguments import ServiceTarget, Target
from qtsecure.cli.configuration import UsageError
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Fields
from qtsecure.net.proxies.network_uri import NetworkUri
from qtsecure.net.proxies.protocols import supportsProxy

__all__ = ["Detour", "checkProxy", "exitCodeOf"]

_Code = SecureError.Code
_EXIT_CODES = {
    _Code.TimedOut: ExitCode.TIMEOUT,
    _Code.InvalidArgument: ExitCode.USAGE,
    **dict.fromkeys(
        (_Code.BadCertificate, _Code.NotTls, _Code.TlsMisc, _Code.HandshakeRefused, _Code.CertificateRequired),
        ExitCode.TLS_FAILURE,
    ),
}


def checkProxy(uri: str) -> None:
    """Raise UsageError for what is no proxy that can be used; its text shows no password."""
    try:
        parts = NetworkUri.parse(uri)
    except SecureError as error:
        raise UsageError(f"--proxy: {error.message}") from None
    if not parts.host or not (parts.scheme == "socks" or supportsProxy(parts.scheme)):
        raise UsageError(
            "--proxy needs a URI such as socks5://HOST:PORT; known are socks, socks5, socks4a, http, https."
        )


def exitCodeOf(error: SecureError) -> ExitCode:
    """What the command returns when there is no connection."""
    return _EXIT_CODES.get(error.code, ExitCode.NOT_CONNECTED)


class Detour(QObject):
    """Makes the connection that ``qtsecure connect`` goes on with, still without TLS.

    Args:
        target: A host or a service.
        proxy: The URI of a proxy; empty for none.
        report: Takes each step, as the signal clientEvent.
        parent: The command.
    """

    def __init__(
        self, target: Target | ServiceTarget, proxy: str, report: Callable[[str, Fields], None], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._target = target
        self._report = report
        self._client = SocketClient(self)
        self._client.setEnableProxy(bool(proxy))
        if proxy:
            self._client.setProxyResolver(SimpleProxyResolver(proxy))
        self._client.clientEvent.connect(self._tell)

    def start(self, reached: Callable[[SslSocket], None], failed: Callable[[SecureError], None]) -> None:
        """Begin; ValueError for a host or service that can be none."""
        target = self._target
        connectable: SocketConnectable
        if isinstance(target, ServiceTarget):
            connectable = NetworkService(target.service, target.host)
        else:
            connectable = NetworkAddress(target.host, target.port)
        operation = self._client.connectTo(connectable)
        operation.finished.connect(reached)
        operation.failed.connect(failed)
        self._operation = operation

    def cancel(self) -> None:
        """Forget it."""
        self._client.deleteLater()

    def _tell(self, event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        fields = {"step": event.name}
        remote = connection.remoteAddress() if connection is not None else None
        if isinstance(remote, ProxyAddress):
            fields["proxy"] = remote.uri()
        elif remote is not None:
            fields["address"] = remote.toString()
        self._report("clientEvent", fields)

"""Small SOCKS 5 and HTTP proxies in threads; every name leads to the loopback interface."""

from __future__ import annotations

import base64
import select
import socket
import threading
from types import TracebackType
from typing import TypeVar

_Self = TypeVar("_Self", bound="ProxyServer")


class ProxyServer:
    """Serves one client after the other.

    Args:
        user: Demand this user name ...
        password: ... and this password.
        answer: Say this instead of doing anything.
    """

    def __init__(self, *, user: str = "", password: str = "", answer: bytes | None = None) -> None:
        self.user, self.password, self.answer = user, password, answer
        self.asked: list[tuple[str, int]] = []
        self.refused = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._wake, self._stop = socket.socketpair()
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self: _Self) -> _Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.close()
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._wake.close()
        self._listener.close()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._wake, self._listener], [], [])
            if self._wake in ready:
                return
            client, _ = self._listener.accept()
            client.settimeout(10)
            with client:
                try:
                    if self.answer is not None:
                        client.recv(65536)
                        client.sendall(self.answer)
                    elif (target := self.negotiate(client)) is not None:
                        with target:
                            self._relay(client, target)
                except OSError:
                    continue  # the client has gone

    def negotiate(self, client: socket.socket) -> socket.socket | None:
        """Find out where to connect to, and do."""
        raise NotImplementedError

    def reach(self, host: str, port: int) -> socket.socket | None:
        """Connect to the host, wherever it says it is."""
        self.asked.append((host, port))
        try:
            return socket.create_connection(("127.0.0.1", port), 10)
        except OSError:
            return None

    def _relay(self, client: socket.socket, target: socket.socket) -> None:
        while True:
            ready, _, _ = select.select([self._wake, client, target], [], [])
            if self._wake in ready:
                return
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                (target if source is client else client).sendall(data)


class Socks5Proxy(ProxyServer):
    """RFC 1928, and RFC 1929 when a user name is demanded."""

    def negotiate(self, client: socket.socket) -> socket.socket | None:
        methods = _exactly(client, _exactly(client, 2)[1])
        wanted = 2 if self.user else 0
        if wanted not in methods:
            client.sendall(b"\x05\xff")
            self.refused += 1
            return None
        client.sendall(bytes((5, wanted)))
        if wanted == 2:
            user = _exactly(client, _exactly(client, 2)[1]).decode()
            password = _exactly(client, _exactly(client, 1)[0]).decode()
            fine = (user, password) == (self.user, self.password)
            client.sendall(b"\x01\x00" if fine else b"\x01\x01")
            if not fine:
                self.refused += 1
                return None
        kind = _exactly(client, 4)[3]
        if kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, _exactly(client, size))
        target = self.reach(host, int.from_bytes(_exactly(client, 2), "big"))
        client.sendall(bytes((5, 0 if target else 5)) + b"\0\x01\x7f\0\0\x01\0\x01")
        return target


class HttpProxy(ProxyServer):
    """HTTP CONNECT (RFC 9110, section 9.3.6) with Basic authentication."""

    def negotiate(self, client: socket.socket) -> socket.socket | None:
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(65536)
                if not data:
                    return None
                head += data
            expected = b"Basic " + base64.b64encode(f"{self.user}:{self.password}".encode())
            if not self.user or expected in head:
                break
            self.refused += 1
            client.sendall(
                b"HTTP/1.1 407 Authentication Required\r\n"
                b'Proxy-Authenticate: Basic realm="tests"\r\nContent-Length: 0\r\n\r\n'
            )
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        target = self.reach(host, int(port))
        status = b"200 Connected" if target else b"502 Bad Gateway\r\nContent-Length: 0"
        client.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
        return target


class SilentProxy(ProxyServer):
    """Takes everything and says nothing."""

    def negotiate(self, client: socket.socket) -> socket.socket | None:
        while client.recv(65536):
            pass
        return None


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = source.recv(count - len(data))
        if not part:
            raise OSError("The client ended in the middle.")
        data += part
    return data

"""Clients that fail, in a process of their own: ``python failing_clients.py PORT COUNT DIRECTORY``.

The directory has ``bad.pem`` and ``bad-key.pem``, a client certificate by an authority that the
server does not know. Prints how many there were of each kind, as JSON.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

THREADS = 4
_RESET = struct.pack("ii", 1, 0)


def hello(context: ssl.SSLContext) -> bytes:
    """A ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("A handshake needs an answer.")


def trusting() -> ssl.SSLContext:
    """A context that verifies nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Clients:
    """The eight kinds; each makes one connection that fails."""

    def __init__(self, port: int, directory: Path) -> None:
        self._port = port
        self._hello = hello(trusting())
        poor = trusting()
        poor.maximum_version = ssl.TLSVersion.TLSv1_2
        poor.set_ciphers("AES128-SHA:@SECLEVEL=0")
        self._poorHello = hello(poor)
        self._unknown = trusting()
        self._unknown.load_cert_chain(directory / "bad.pem", directory / "bad-key.pem")
        self._distrusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.kinds: list[Callable[[], None]] = [
            self.closes,
            self.garbage,
            self.http,
            self.resets,
            self.badCertificate,
            self.noSharedCipher,
            self.truncatedHello,
            self.alert,
        ]

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), 30)

    def _sendAndWait(self, data: bytes) -> None:
        with self._connect() as client:
            try:
                client.sendall(data)
                while client.recv(65536):
                    pass
            except (ConnectionResetError, BrokenPipeError):
                return

    def _handshake(self, context: ssl.SSLContext) -> None:
        with self._connect() as client:
            try:
                with context.wrap_socket(client, server_hostname="localhost") as secured:
                    secured.recv(1)
            except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
                return

    def closes(self) -> None:
        """Connects and leaves."""
        self._connect().close()

    def garbage(self) -> None:
        """Says something that is no protocol at all."""
        self._sendAndWait(b"\xff\xfe\xfd" * 100)

    def http(self) -> None:
        """Forgot the s."""
        self._sendAndWait(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def resets(self) -> None:
        """Breaks off in the middle of its hello."""
        with self._connect() as client:
            client.sendall(self._hello[:50])
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def badCertificate(self) -> None:
        """Shows a certificate that the server does not trust."""
        self._handshake(self._unknown)

    def noSharedCipher(self) -> None:
        """Knows nothing that the server would use."""
        self._sendAndWait(self._poorHello)

    def truncatedHello(self) -> None:
        """Ends its direction in the middle of its hello."""
        with self._connect() as client:
            client.sendall(self._hello[:-30])
            client.shutdown(socket.SHUT_WR)
            try:
                while client.recv(65536):
                    pass
            except ConnectionResetError:
                return

    def alert(self) -> None:
        """Rejects the server's certificate."""
        self._handshake(self._distrusting)


def main() -> None:
    """Run as many as wanted, a few at a time, and of every kind the same number."""
    clients = Clients(int(sys.argv[1]), Path(sys.argv[3]))
    count = int(sys.argv[2])
    counted: Counter[str] = Counter()
    numbers = iter(range(count))
    lock = threading.Lock()
    faults: list[str] = []

    def run() -> None:
        try:
            while True:
                with lock:
                    number = next(numbers, None)
                    if number is None:
                        return
                    kind = clients.kinds[number % len(clients.kinds)]
                    counted[kind.__name__] += 1
                kind()
        except BaseException as error:
            faults.append(repr(error))
            raise

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(counted))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()

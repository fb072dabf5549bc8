"""DTLS over real UDP: our ends without Qt, and OpenSSL's and GnuTLS's programs as the other ones."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.decisions import HandshakeDecisions
from qtsecure.engine.dtls import AdmittedHello, DtlsAssociation, DtlsListener, is_hello_start_untrusted
from qtsecure.engine.events import Event, HandshakeCompleted, StreamFailed
from qtsecure.testing.pki import IssuedCertificate

TIMEOUT_S = 60.0
_Self = TypeVar("_Self")


class _Pump:
    """A UDP socket, the associations on it, and what they told."""

    def __init__(self, tempo: float = 1) -> None:
        self._tempo = tempo
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.events: list[Event] = []
        self.messages: list[bytes] = []
        #: Gets each received datagram and returns what is taken instead of it.
        self.tamper: Callable[[bytes], Iterable[bytes]] = lambda datagram: (datagram,)

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def now(self) -> float:
        """The associations' time; a slow one does not take a peer that waits for the processor for lost."""
        return time.monotonic() * self._tempo

    def associations(self) -> list[DtlsAssociation]:
        raise NotImplementedError

    def take(self, datagram: bytes, address: Any, now: float) -> None:
        raise NotImplementedError

    def flush(self) -> None:
        raise NotImplementedError

    def run(self, until: Callable[[], bool], seconds: float = TIMEOUT_S) -> bool:
        """Carry datagrams until a condition is met; whether it was before the time was up."""
        end = time.monotonic() + seconds
        self.flush()
        while not until():
            now = time.monotonic()
            if now >= end:
                return False
            due = [moment for each in self.associations() if (moment := each.timer()) is not None]
            wait = min([0.05, end - now, *(max(moment - self.now(), 0) / self._tempo for moment in due)])
            if select.select([self.socket], [], [], wait)[0]:
                with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                    while True:
                        datagram, address = self.socket.recvfrom(65536)
                        for taken in self.tamper(datagram):
                            self.take(taken, address, self.now())
            for each in self.associations():
                moment = each.timer()
                if moment is not None and moment <= self.now():
                    each.handle_timer(self.now())
            self.flush()
        return True

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def completed(self) -> bool:
        return bool(self.of(HandshakeCompleted))

    @property
    def failure(self) -> StreamFailed | None:
        return next(iter(self.of(StreamFailed)), None)

    def settle(self, association: DtlsAssociation) -> None:
        while (event := association.next_event()) is not None:
            self.events.append(event)
        self.messages += association.take_messages()


class DatagramClient(_Pump):
    """Our client on a socket of its own."""

    def __init__(
        self,
        port: int,
        configuration: TlsConfiguration,
        *,
        decisions: HandshakeDecisions | None = None,
        mtu: int = 1200,
        name: str = "localhost",
        tempo: float = 1,
    ) -> None:
        super().__init__(tempo)
        self.socket.connect(("127.0.0.1", port))
        self.association = DtlsAssociation(configuration, server=False, peer_name=name, decisions=decisions, mtu=mtu)
        self.association.start(self.now())

    def associations(self) -> list[DtlsAssociation]:
        return [self.association]

    def take(self, datagram: bytes, address: Any, now: float) -> None:
        self.association.receive(datagram, now)
        self.flush()

    def flush(self) -> None:
        self.settle(self.association)
        for datagram in self.association.take_outgoing():
            with contextlib.suppress(ConnectionRefusedError):
                self.socket.send(datagram)

    def handshake(self, seconds: float = TIMEOUT_S) -> None:
        """Run until the handshake is over."""
        self.run(lambda: self.completed or self.failure is not None, seconds)

    def ask(self, message: bytes, answer: bytes | None = None) -> None:
        """Send a message and wait for the answer, which is the same by default."""
        self.association.write(message)
        assert self.run(lambda: (answer or message) in self.messages), (self.messages, self.events)

    def close(self) -> None:
        self.association.close(self.now())
        self.flush()


class DatagramServer(_Pump):
    """Our server; it echoes."""

    def __init__(
        self,
        configuration: TlsConfiguration,
        *,
        decisions: HandshakeDecisions | None = None,
        mtu: int = 1200,
        cookies: bool = True,
    ) -> None:
        super().__init__()
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.listener = DtlsListener(configuration, cookies=cookies, mtu=mtu)
        self.decisions = decisions
        self.peers: dict[Any, DtlsAssociation] = {}
        #: Whatever was received, encrypted as it came.
        self.received: list[bytes] = []

    def associations(self) -> list[DtlsAssociation]:
        return list(self.peers.values())

    def take(self, datagram: bytes, address: Any, now: float) -> None:
        self.received.append(datagram)
        current = self.peers.get(address)
        if current is not None and not is_hello_start_untrusted(datagram):
            current.receive(datagram, now)
        else:
            answer = self.listener.receive(datagram, address, now, current)
            if isinstance(answer, AdmittedHello):
                self.peers[address] = self.listener.accept(answer, now, self.decisions)
            elif answer is not None:
                self.socket.sendto(answer, address)
        self.flush()

    def flush(self) -> None:
        for address, association in self.peers.items():
            before = len(self.messages)
            self.settle(association)
            for message in self.messages[before:]:
                if association.established:
                    association.write(message)
            for datagram in association.take_outgoing():
                self.socket.sendto(datagram, address)

    @property
    def association(self) -> DtlsAssociation:
        """The newest."""
        return list(self.peers.values())[-1]


class Program:
    """Another implementation's command, its output, and a directory for its files."""

    def __init__(self, name: str) -> None:
        program = shutil.which(name)
        if program is None:
            raise FileNotFoundError(f"There is no {name} in PATH.")
        self.command = [program]
        self._directory = tempfile.TemporaryDirectory()
        self._process: subprocess.Popen[bytes] | None = None
        self.output = ""

    def __enter__(self: _Self) -> _Self:
        self.start()  # type: ignore[attr-defined]  # _Self is unbound; typing.Self needs 3.11
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._directory.cleanup()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)

    def file(self, name: str, content: bytes) -> str:
        path = Path(self._directory.name, name)
        path.write_bytes(content)
        return str(path)

    def certificate(self, certificate: IssuedCertificate, cert: str, key: str) -> None:
        files = certificate.writeTo(self._directory.name)
        self.command += [cert, str(files.certificate), key, str(files.key)]

    def says(self, pattern: str) -> bool:
        """Whether it has printed something by now."""
        assert self._process is not None
        assert self._process.stdout is not None
        self.output += (self._process.stdout.read() or b"").decode("utf-8", "replace")
        return re.search(pattern, self.output) is not None

    def waitFor(self, pattern: str) -> None:
        """Wait until it has printed something."""
        end = time.monotonic() + TIMEOUT_S
        while not self.says(pattern):
            assert time.monotonic() < end, self.output
            assert self._process is not None
            assert self._process.stdout is not None
            select.select([self._process.stdout], [], [], 0.1)
            assert self._process.poll() is None or self.says(pattern), self.output

    def write(self, data: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()


def opensslServer(
    certificate: IssuedCertificate | None,
    *,
    clients: bytes = b"",
    alpn: Sequence[str] = (),
    psk: tuple[str, bytes] | None = None,
    listen: bool = False,
    mtu: int = 1200,
    more: Sequence[str] = (),
) -> Program:
    """``openssl s_server -dtls1_2``; prints what it gets, sends what is written to it."""
    program = Program("openssl")
    program.command += ["s_server", "-dtls1_2", "-accept", "127.0.0.1:0", "-mtu", str(mtu), *more]
    if certificate is not None:
        program.certificate(certificate, "-cert", "-key")
    else:
        program.command.append("-nocert")
    if clients:
        program.command += ["-CAfile", program.file("ca.pem", clients), "-Verify", "8", "-verify_return_error"]
    if alpn:
        program.command += ["-alpn", ",".join(alpn)]
    if psk is not None:
        program.command += ["-psk_identity", psk[0], "-psk", psk[1].hex(), "-cipher", "PSK"]
    if listen:
        program.command.append("-listen")
    return program


def opensslPort(program: Program) -> int:
    """Where it listens."""
    program.waitFor(r"ACCEPT .*:(\d+)")
    match = re.search(r"ACCEPT .*:(\d+)", program.output)
    assert match is not None
    return int(match[1])


def opensslClient(
    port: int,
    *,
    trust: bytes = b"",
    certificate: IssuedCertificate | None = None,
    alpn: Sequence[str] = (),
    psk: tuple[str, bytes] | None = None,
    mtu: int = 1200,
    more: Sequence[str] = (),
) -> Program:
    """``openssl s_client -dtls1_2``."""
    program = Program("openssl")
    program.command += ["s_client", "-dtls1_2", "-connect", f"127.0.0.1:{port}", "-mtu", str(mtu), *more]
    if trust:
        program.command += ["-CAfile", program.file("ca.pem", trust), "-verify_return_error"]
        program.command += ["-verify_hostname", "localhost"]
    if certificate is not None:
        program.certificate(certificate, "-cert", "-key")
    if alpn:
        program.command += ["-alpn", ",".join(alpn)]
    if psk is not None:
        program.command += ["-psk_identity", psk[0], "-psk", psk[1].hex(), "-cipher", "PSK"]
    return program


def freePort() -> int:
    """A UDP port that was free a moment ago; gnutls-serv does not tell its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _priority(psk: object) -> list[str]:
    # gnutls-cli 3.8 crashes after a handshake with ECDHE-PSK over UDP, whoever the server is.
    exchange = ":-KX-ALL:+PSK" if psk else ""
    return ["--priority", f"NORMAL:-VERS-ALL:+VERS-DTLS1.2{exchange}"]


def gnutlsServer(
    port: int, certificate: IssuedCertificate | None, *, clients: bytes = b"", psk: tuple[str, bytes] | None = None
) -> Program:
    """``gnutls-serv --udp``; echoes."""
    program = Program("gnutls-serv")
    program.command += ["--udp", "--echo", "--port", str(port), "--mtu", "1200", *_priority(psk)]
    if certificate is not None:
        program.certificate(certificate, "--x509certfile", "--x509keyfile")
    if clients:
        program.command += ["--x509cafile", program.file("ca.pem", clients)]
        program.command += ["--require-client-cert", "--verify-client-cert"]
    else:
        program.command.append("--disable-client-cert")
    if psk is not None:
        program.command += ["--pskpasswd", program.file("keys.txt", f"{psk[0]}:{psk[1].hex()}\n".encode())]
    return program


def gnutlsClient(
    port: int,
    *,
    trust: bytes = b"",
    certificate: IssuedCertificate | None = None,
    psk: tuple[str, bytes] | None = None,
) -> Program:
    """``gnutls-cli --udp``."""
    program = Program("gnutls-cli")
    program.command += ["--udp", "--mtu", "1200", *_priority(psk)]
    if trust:
        program.command += ["--x509cafile", program.file("ca.pem", trust), "--verify-hostname", "localhost"]
    if certificate is not None:
        program.certificate(certificate, "--x509certfile", "--x509keyfile")
    if psk is not None:
        program.command += ["--pskusername", psk[0], "--pskkey", psk[1].hex()]
    program.command += ["--sni-hostname", "localhost", "--port", str(port), "127.0.0.1"]
    return program

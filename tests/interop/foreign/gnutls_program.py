"""GnuTLS's programs: gnutls-serv and gnutls-cli, for TLS and DTLS."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from qtsecure.testing.peers import PeerError
from qtsecure.testing.pki import IssuedCertificate
from tests.interop.foreign.base import DTLS, ForeignClient, ForeignServer, Psk, Told, UndecipheredAlertError, pem
from tests.interop.programs import Program, freePort

_PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)
# gnutls-cli crashes after a handshake with ephemeral keys and a pre-shared one before TLS 1.3,
# whoever the server is, when it describes the connection.
_KEYS, _PLAIN_KEYS = ":-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK", ":-KX-ALL:+PSK"


def _made(name: str, version: str, keys: str, alpn: Sequence[str]) -> Program:
    kind = "DTLS1.2" if version == DTLS else f"TLS{version}"
    program = Program(name, "--priority", f"NORMAL:-VERS-ALL:+VERS-{kind}{keys}")
    if version == DTLS:
        program.command += ["--udp", "--mtu", "1200"]
    for protocol in alpn:
        program.command += ["--alpn", protocol]
    return program


def gnutlsServer(
    port: int,
    certificate: IssuedCertificate | None,
    version: str = DTLS,
    *,
    clients: x509.Certificate | None = None,
    alpn: Sequence[str] = (),
    psk: Psk | None = None,
) -> Program:
    """``gnutls-serv``; echoes."""
    program = _made("gnutls-serv", version, _KEYS if psk else "", alpn)
    # Only its debugging output tells the number of an alert, and over UDP anything at all.
    program.command += ["--debug", "5", "--echo", "--port", str(port)]
    if certificate is not None:
        program.certificate(certificate, "--x509certfile", "--x509keyfile")
    if clients is not None:
        program.command += ["--x509cafile", program.file("ca.pem", pem(clients))]
        program.command += ["--require-client-cert", "--verify-client-cert"]
    else:
        program.command.append("--disable-client-cert")
    if psk is not None:
        program.command += ["--pskpasswd", program.file("keys.txt", f"{psk[0]}:{psk[1].hex()}\n".encode())]
    return program


def gnutlsListening(certificate: IssuedCertificate | None, version: str = DTLS, **options: Any) -> tuple[Program, int]:
    """A started ``gnutls-serv`` and its port; another one as long as somebody else is given it meanwhile."""
    while True:
        port = freePort(socket.SOCK_DGRAM if version == DTLS else socket.SOCK_STREAM)
        program = gnutlsServer(port, certificate, version, **options)
        program.start()
        try:
            if program.waitFor(r"listening on IPv4 .*?(done|Address already in use)")[1] == "done":
                return program, port
        except PeerError:
            program.stop()
            raise
        program.stop()


def gnutlsClient(
    port: int,
    version: str = DTLS,
    *,
    trust: x509.Certificate | None = None,
    certificate: IssuedCertificate | None = None,
    alpn: Sequence[str] = (),
    psk: Psk | None = None,
) -> Program:
    """``gnutls-cli``."""
    keys = _KEYS if version == "1.3" else _PLAIN_KEYS
    program = _made("gnutls-cli", version, keys if psk else "", alpn)
    if trust is not None:
        program.command += ["--x509cafile", program.file("ca.pem", pem(trust)), "--verify-hostname", "localhost"]
    elif psk is None:
        program.command.append("--no-ca-verification")
    if certificate is not None:
        program.certificate(certificate, "--x509certfile", "--x509keyfile")
    if psk is not None:
        program.command += ["--pskusername", psk[0], "--pskkey", psk[1].hex()]
    program.command += ["--print-cert", "--sni-hostname", "localhost", "--port", str(port), "127.0.0.1"]
    return program


def _told(text: str, psk: Psk | None) -> Told:
    """What the description of a connection says."""
    found = re.search(r"- Description: \((D?TLS)([0-9.]+)", text)
    assert found is not None, text
    protocol = re.search("- Application protocol: (.*)", text)
    certificates = _PEM.findall(text)
    resumed = "This is a resumed session" in text
    if certificates:
        shown = x509.load_pem_x509_certificate(certificates[0].encode()).public_bytes(Encoding.DER)
    else:  # it does not show again what came with the first connection
        shown = None if resumed else b""
    keyed = psk is not None and f"PSK authentication. Connected as '{psk[0]}'" in text
    return Told(
        version=found[2] if found[1] == "TLS" else f"DTLS {found[2]}",
        certificate=shown,
        alpn=protocol[1].strip() if protocol else "",
        psk=keyed,
        # A key is resumed as well, to TLS 1.3.
        resumed=resumed and not keyed,
    )


class GnutlsServer(ForeignServer):
    def start(self) -> None:
        self._program, self.port = gnutlsListening(
            self.certificate, self.version, clients=self.clients, alpn=self.alpn, psk=self.psk
        )
        self._ended = self._described = 0  # how far its output was read

    def stop(self) -> None:
        self._program.stop()

    def told(self) -> Told:
        if self.version == DTLS:
            # Its own words are for TCP only; the library's trace knows some of it. Its lines may come later than the
            # answer of which they tell, and a hello may be there more than once.
            found = self._program.waitFor(
                r"CLIENT HELLO \(1\) was received[\s\S]*?FINISHED \(20\) was received", self._described
            )
            self._described, text = found.end(), found[0]
            return Told(
                version="DTLS 1.2" if "Selected version DTLS1.2" in text else None,
                certificate=None if "CERTIFICATE (11) was received" in text else b"",
                resumed="CLIENT KEY EXCHANGE (16) was received" not in text,
            )
        # It describes each connection when the handshake is complete, and says so a little later.
        found = self._program.waitFor(r"\* Accepted connection[\s\S]*?- Channel bindings", self._described)
        self._described = found.end()
        return _told(found[0], self.psk)

    def waitForAlert(self) -> int:
        match = self._program.waitFor(r"Alert\[2\|(\d+)\] - .* - was received|Decryption has failed")
        if match[1] is None:
            raise UndecipheredAlertError
        return int(match[1])

    def waitForCleanEnd(self) -> None:
        self._ended = self._program.waitFor(r"Alert\[1\|0\] - Close notify - was received", self._ended).end()


class GnutlsClient(ForeignClient):
    def start(self) -> None:
        self._program = gnutlsClient(
            self.port, self.version, trust=self.trust, certificate=self.certificate, alpn=self.alpn, psk=self.psk
        )
        if self.resume:  # by itself, as soon as it has a ticket
            self._program.command += ["--resume", "--waitresumption"]
        self._program.start()

    def stop(self) -> None:
        self._program.stop()

    def told(self) -> Told:
        self._program.waitFor("Simple Client Mode")
        return _told(self._program.output.rpartition("Connecting to '")[2], self.psk)

    def send(self, line: bytes) -> None:
        # Read when the handshake is complete; that it is, is often told only after the first data.
        self._program.write(line)

    def waitForReceived(self, data: bytes) -> None:
        self._program.waitFor(re.escape(data.decode()))

    def close(self) -> None:
        self._program.closeInput()

    def waitForAlert(self) -> int:
        return int(self._program.waitFor(r"Received alert \[(\d+)\]")[1])

    def waitForCleanEnd(self) -> None:
        self._program.waitFor("Peer has closed the GnuTLS connection")
        assert self._program.waitForExit() == 0

"""The openssl command line: s_server and s_client, for TLS and DTLS."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from qtsecure.testing.pki import IssuedCertificate
from tests.interop.foreign.base import DTLS, LINE, ForeignClient, ForeignServer, Psk, Told, pem
from tests.interop.programs import Program, waitFor

_FLAGS = {"1.2": "-tls1_2", "1.3": "-tls1_3", DTLS: "-dtls1_2"}
_PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


def opensslServer(
    certificate: IssuedCertificate | None,
    version: str = DTLS,
    *,
    clients: x509.Certificate | None = None,
    alpn: Sequence[str] = (),
    psk: Psk | None = None,
    listen: bool = False,
    mtu: int = 1200,
    more: Sequence[str] = (),
) -> Program:
    """``openssl s_server``; prints what it gets, sends what is written to it."""
    program = Program("openssl", "s_server", _FLAGS[version], "-accept", "127.0.0.1:0", *more)
    if certificate is not None:
        program.certificate(certificate, "-cert", "-key")
        if len(certificate.chain) > 1:  # -cert takes the first certificate of the file only
            program.command += ["-cert_chain", program.command[program.command.index("-cert") + 1]]
    else:
        program.command.append("-nocert")
    if clients is not None:
        program.command += ["-CAfile", program.file("ca.pem", pem(clients)), "-Verify", "8", "-verify_return_error"]
    if listen:
        program.command.append("-listen")
    return _common(program, version, alpn, psk, mtu)


def opensslPort(program: Program) -> int:
    """Where it listens."""
    return int(program.waitFor(r"ACCEPT .*:(\d+)")[1])


def opensslClient(
    port: int,
    version: str = DTLS,
    *,
    trust: x509.Certificate | None = None,
    certificate: IssuedCertificate | None = None,
    alpn: Sequence[str] = (),
    psk: Psk | None = None,
    mtu: int = 1200,
    more: Sequence[str] = (),
) -> Program:
    """``openssl s_client``; prints what it gets, sends what is written to it."""
    program = Program("openssl", "s_client", _FLAGS[version], "-connect", f"127.0.0.1:{port}", *more)
    program.command += ["-servername", "localhost"]
    if trust is not None:
        program.command += ["-CAfile", program.file("ca.pem", pem(trust)), "-verify_return_error"]
        program.command += ["-verify_hostname", "localhost"]
    if certificate is not None:
        program.certificate(certificate, "-cert", "-key")
    return _common(program, version, alpn, psk, mtu)


def _common(program: Program, version: str, alpn: Sequence[str], psk: Psk | None, mtu: int) -> Program:
    if version == DTLS:
        program.command += ["-mtu", str(mtu)]
    if alpn:
        program.command += ["-alpn", ",".join(alpn)]
    if psk is not None:
        program.command += ["-psk_identity", psk[0], "-psk", psk[1].hex(), "-cipher", "PSK"]
    return program


class _OpensslEnd:
    """What both ends do alike."""

    _program: Program
    version: str
    psk: Psk | None

    def stop(self) -> None:
        self._program.stop()

    def waitForAlert(self) -> int:
        return int(self._program.waitFor(r"SSL alert number (\d+)")[1])

    def _told(self, text: str, cipher: str, alpn: str, reused: bool) -> Told:
        certificates = _PEM.findall(text)
        leaf = x509.load_pem_x509_certificate(certificates[0].encode()) if certificates else None
        # A key of the program is a session to OpenSSL in TLS 1.3.
        keyed = (reused if self.version == "1.3" else "PSK" in cipher) if self.psk else False
        return Told(
            # It was started for one version only and would take no other.
            version=self.version if cipher.startswith("TLS_") == (self.version == "1.3") else cipher,
            certificate=leaf.public_bytes(Encoding.DER) if leaf else b"",
            alpn=alpn,
            psk=keyed,
            resumed=reused and not keyed,
        )


class OpensslServer(_OpensslEnd, ForeignServer):
    """Prints what it gets; the answers are given to it."""

    def start(self) -> None:
        self._program = opensslServer(
            self.certificate, self.version, clients=self.clients, alpn=self.alpn, psk=self.psk
        )
        self._program.start()
        self.port = opensslPort(self._program)
        self._answered = 0

    def answerTo(self, line: bytes) -> bytes:
        self._answered += 1
        waitFor(
            lambda: self._program.output.count(line.decode()) >= self._answered, "a line", lambda: self._program.output
        )
        self._program.write(line)
        return line

    def told(self) -> Told:
        # Each connection begins with its session, printed when the handshake is complete.
        _, _, text = self._program.output.rpartition("-----BEGIN SSL SESSION PARAMETERS-----")
        before, _, _ = text.partition("CIPHER is ")
        found = re.search(r"CIPHER is (\S+)", text)
        assert found is not None, self._program.output
        # What was agreed is said while the hello is read, before the session.
        protocols = re.findall(r"ALPN protocols selected: (\S+)", self._program.output)
        return self._told(before, found[1], protocols[-1] if protocols else "", "Reused session-id" in text)

    def waitForCleanEnd(self) -> None:
        # It reports every other end as an error. What it says after this it keeps for a while.
        waitFor(
            lambda: self._program.output.count("\nDONE\n") >= max(self._answered, 1),
            "the end",
            lambda: self._program.output,
        )
        assert not self._program.says(":error:|CONNECTION FAILURE|ERROR")


class OpensslClient(_OpensslEnd, ForeignClient):
    def start(self) -> None:
        if not self.resume:
            self._program = self._made()
            self._program.start()
            return
        with self._made() as first:
            session = first.path("session.pem")
            first.write(LINE)
            # In TLS 1.3 it is stored when a ticket arrives.
            waitFor(lambda: first.says(LINE.decode()) and session.exists(), "a session", lambda: first.output)
            first.closeInput()
            assert first.waitForExit() == 0
            content = session.read_bytes()
        self._program = self._made()
        self._program.command += ["-sess_in", self._program.file("earlier.pem", content)]
        self._program.start()

    def _made(self) -> Program:
        program = opensslClient(
            self.port, self.version, trust=self.trust, certificate=self.certificate, alpn=self.alpn, psk=self.psk
        )
        if self.resume:
            program.command += ["-sess_out", str(program.path("session.pem"))]
        return program

    def told(self) -> Told:
        text = self._program.output
        found = re.search(r"(New|Reused), \S+, Cipher is (\S+)", text)
        assert found is not None, text
        protocol = re.search("ALPN protocol: (.*)", text)
        return self._told(text, found[2], protocol[1] if protocol else "", found[1] == "Reused")

    def send(self, line: bytes) -> None:
        self._program.write(line)

    def waitForReceived(self, data: bytes) -> None:
        self._program.waitFor(re.escape(data.decode()))

    def close(self) -> None:
        self._program.closeInput()

    def waitForCleanEnd(self) -> None:
        # Every other end is an error that it prints, and another exit code.
        assert self._program.waitForExit() == 0
        assert ":error:" not in self._program.output

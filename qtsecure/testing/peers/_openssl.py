"""Reference peers on the openssl command line (s_server and s_client)."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from qtsecure.testing.certificates import IssuedCertificate
from qtsecure.testing.peers._threads import Peer, PeerError
from qtsecure.testing.peers._waiting import waitUntil

__all__ = ["OpensslClient", "OpensslServer", "opensslVersion"]

Version: TypeAlias = Literal["tls1_2", "tls1_3", "dtls1_2"]

_STARTUP_TIMEOUT = 20_000


def opensslVersion() -> tuple[int, ...] | None:
    """Return the version of the openssl command line, like ``(3, 5, 1)``, or None if there is none."""
    program = shutil.which("openssl")
    if program is None:
        return None
    text = subprocess.run([program, "version"], capture_output=True, check=True, timeout=10, text=True).stdout
    match = re.search(r"OpenSSL (\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else None


class _OpensslPeer(Peer):
    """An openssl process, its output, and a directory for the files that it wants.

    The test decides what its output means: the exit code of a process that found an error in its
    peer is no error of the test.
    """

    def __init__(self, command: str, timeout: float) -> None:
        program = shutil.which("openssl")
        if program is None:
            raise FileNotFoundError("There is no openssl command in PATH; install the package openssl.")
        super().__init__(timeout=timeout)
        self._command = [program, command]
        self._directory = tempfile.TemporaryDirectory()
        self._process: subprocess.Popen[bytes] | None = None
        self._output = bytearray()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._spawn(self._read, "output")

    def stop(self) -> None:
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.close()
        try:
            super().stop()
        finally:
            if process is not None and process.stdout is not None:
                process.stdout.close()
            self._directory.cleanup()

    @property
    def output(self) -> str:
        """Everything that the process has printed so far, from stdout and stderr."""
        return self._output.decode("utf-8", "replace")

    def send(self, data: bytes, timeout: int = 20_000) -> None:
        """Send application data, waiting until the process has taken it.

        A line that begins with a capital Q, R, K or k means something to s_client, and one that
        begins with q, Q, r, R, p, P, S or B to s_server: they take it as a command.

        Raises:
            BrokenPipeError: The process has ended.
            PeerError: It had not taken everything after ``timeout`` milliseconds.
        """
        stdin = self._started().stdin
        assert stdin is not None
        descriptor, rest = stdin.fileno(), memoryview(data)
        if os.name == "posix":  # else it waits in os.write(), without an event loop
            os.set_blocking(descriptor, False)

        def taken() -> bool:
            nonlocal rest
            with contextlib.suppress(BlockingIOError):
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            return not rest

        if not waitUntil(taken, timeout):
            raise PeerError(f"{self._command} took {len(data) - len(rest)} of {len(data)} bytes within {timeout} ms.")

    def close(self) -> None:
        """End the input of the process; s_client then sends close_notify and ends."""
        stdin = self._started().stdin
        assert stdin is not None
        # What was not written yet has no reader any more.
        with contextlib.suppress(BrokenPipeError):
            stdin.close()

    def waitForOutput(self, text: str, timeout: int = 20_000) -> str:
        """Wait until the process has printed a text; return everything printed so far.

        Raises:
            PeerError: It had not after ``timeout`` milliseconds, or ended without it.
        """
        waitUntil(lambda: text in self.output or not self._reading(), timeout)
        if text not in self.output:
            raise PeerError(f"Waited up to {timeout} ms for {text!r} from {self._command}; it printed:\n{self.output}")
        return self.output

    def waitForExit(self, timeout: int = 20_000) -> int:
        """Wait until the process has ended and return its exit code.

        Raises:
            PeerError: It was still running after ``timeout`` milliseconds.
        """
        process = self._started()
        if not waitUntil(lambda: process.poll() is not None and not self._reading(), timeout):
            raise PeerError(f"{self._command} still ran after {timeout} ms; it printed:\n{self.output}")
        return process.wait()

    def _reading(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("openssl is not running; use the peer as a context manager or call start() first.")
        return self._process

    def _read(self) -> None:
        stdout = self._started().stdout
        assert stdout is not None
        while data := stdout.read1(65536):  # type: ignore[attr-defined]  # a BufferedReader, declared as IO[bytes]
            self._output += data

    def _file(self, name: str, content: bytes) -> str:
        path = Path(self._directory.name, name)
        path.write_bytes(content)
        return str(path)

    def _addCertificate(self, certificate: IssuedCertificate | None) -> None:
        if certificate is not None:
            files = certificate.writeTo(self._directory.name)
            # -cert takes the first certificate of the file, -cert_chain the others.
            self._command += ["-cert", str(files.certificate), "-key", str(files.key)]
            if len(certificate.chain) > 1:
                self._command += ["-cert_chain", str(files.certificate)]

    def _addAuthorities(self, authorities: Iterable[x509.Certificate]) -> None:
        pem = b"".join(authority.public_bytes(Encoding.PEM) for authority in authorities)
        if pem:
            self._command += ["-CAfile", self._file("ca.pem", pem)]

    def _addCommon(
        self, version: Version | None, alpn: Sequence[str], psk: tuple[str, bytes] | None, arguments: Sequence[str]
    ) -> None:
        if version is not None:
            self._command.append(f"-{version}")
        if alpn:
            self._command += ["-alpn", ",".join(alpn)]
        if psk is not None:
            identity, key = psk
            self._command += ["-psk_identity", identity, "-psk", key.hex()]
        self._command += arguments


class OpensslServer(_OpensslPeer):
    """``openssl s_server`` on a free port.

    Prints what it receives, and sends what :meth:`send` gives it.

    Args:
        certificate: The certificate of the server; None only with ``psk``.
        version: The only version to accept; None accepts TLS 1.2 and 1.3.
        clientCertificate: Whether to ask for a certificate of the client; a bad one ends the handshake.
        caCertificates: Who may have issued it.
        alpn: Application protocols to accept.
        psk: Identity and key of a pre-shared key.
        reverse: Answer each line with the line reversed (TLS only).
        arguments: Further options of s_server.
        host: Address to listen on.
        timeout: Seconds that the process may take to end.

    Attributes:
        port: The port, valid once started.
    """

    def __init__(
        self,
        certificate: IssuedCertificate | None,
        *,
        version: Version | None = None,
        clientCertificate: Literal["none", "optional", "required"] = "none",
        caCertificates: Iterable[x509.Certificate] = (),
        alpn: Sequence[str] = (),
        psk: tuple[str, bytes] | None = None,
        reverse: bool = False,
        arguments: Sequence[str] = (),
        host: str = "127.0.0.1",
        timeout: float = 10.0,
    ) -> None:
        super().__init__("s_server", timeout)
        self._command += ["-accept", f"[{host}]:0" if ":" in host else f"{host}:0"]
        self._addCertificate(certificate)
        if certificate is None:
            self._command.append("-nocert")
        self._addAuthorities(caCertificates)
        if clientCertificate != "none":
            option = "-Verify" if clientCertificate == "required" else "-verify"
            self._command += [option, "8", "-verify_return_error"]
        if reverse:
            self._command.append("-rev")
        self._addCommon(version, alpn, psk, arguments)
        self.port = 0

    def start(self) -> None:
        super().start()
        accepting = re.compile(r"^ACCEPT .*:(\d+)\s*$", re.MULTILINE)
        waitUntil(lambda: accepting.search(self.output) is not None or not self._reading(), _STARTUP_TIMEOUT)
        match = accepting.search(self.output)
        if match is None:
            output = self.output
            self.stop()
            raise PeerError(f"{self._command} did not start to listen; it printed:\n{output}")
        self.port = int(match[1])


class OpensslClient(_OpensslPeer):
    """``openssl s_client``; prints what it receives, and sends what :meth:`send` gives it.

    Its output says among other things ``CONNECTION ESTABLISHED``, ``Protocol version: TLSv1.3`` and
    ``Verification: OK`` or ``Verification error: ...``; a failed verification ends it if there are
    ``caCertificates``.

    Args:
        port: Where to connect.
        host: Address to connect to.
        caCertificates: Whom to trust; nothing is verified if there are none.
        serverName: Goes into SNI and is matched against the certificate.
        certificate: The certificate of the client, or None.
        version: The only version to offer; None offers TLS 1.2 and 1.3.
        alpn: Application protocols to offer.
        psk: Identity and key of a pre-shared key.
        arguments: Further options of s_client.
        timeout: Seconds that the process may take to end.
    """

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        caCertificates: Iterable[x509.Certificate] = (),
        serverName: str = "localhost",
        certificate: IssuedCertificate | None = None,
        version: Version | None = None,
        alpn: Sequence[str] = (),
        psk: tuple[str, bytes] | None = None,
        arguments: Sequence[str] = (),
        timeout: float = 10.0,
    ) -> None:
        super().__init__("s_client", timeout)
        self._command += ["-brief", "-connect", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
        self._command += ["-servername", serverName]
        authorities = list(caCertificates)
        if authorities:
            self._addAuthorities(authorities)
            self._command += ["-verify_return_error", "-verify_hostname", serverName]
        self._addCertificate(certificate)
        self._addCommon(version, alpn, psk, arguments)

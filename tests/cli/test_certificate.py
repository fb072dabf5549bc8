"""``qtsecure certificate``: chains of files and servers, in words and for programs."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtNetwork import QSslError

from qtsecure import SslCertificate, SslError
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.net.questions.certificate_advice import adviceFor
from qtsecure.testing.peers import OpensslServer
from qtsecure.testing.pki import IssuedCertificate
from tests.ports import closedPort

DAMAGED = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture
def chainFile(files, tmp_path: Path) -> Callable[[str], Path]:
    """One of the certificates of the throw-away PKI as a file."""

    def write(name: str) -> Path:
        identity: IssuedCertificate = getattr(files.pki, name)
        path = tmp_path / f"{name}.pem"
        path.write_bytes(identity.chainPem())
        return path

    return write


def test_a_good_file(in_process, files, chainFile) -> None:
    """Every fact about each certificate, and the verdict."""
    done = in_process("certificate", chainFile("viaIntermediate"), *files.trust, "--servername", "localhost")
    assert done.code == 0
    assert done.err == ""
    assert done.out.startswith("2 certificates of ")
    leaf = SslCertificate(files.pki.viaIntermediate.certificate)
    for text in (
        "CN=qtsecure throw-away certificate",
        "CN=qtsecure throw-away intermediate CA",
        "localhost, 127.0.0.1, ::1",
        "days left)",
        "EC, secp256r1",
        leaf.fingerprint(),
        leaf.serialNumber(),
        "sha256/",
    ):
        assert text in done.out
    assert done.out.rstrip().endswith("Verdict: valid for localhost")


def test_without_a_name(in_process, files, chainFile) -> None:
    """Said, so that nobody takes it for more than it is."""
    done = in_process("certificate", chainFile("wrongHost"), *files.trust)
    assert done.code == 0
    assert "no name was checked" in done.out


@pytest.mark.parametrize(
    ("name", "words", "advice"),
    [
        ("expired", "has expired", "needs a new certificate"),
        ("notYetValid", "is not valid yet", "set its clock"),
        ("wrongHost", "not valid for the host name that was asked for; it is for wrong.example", "Connect with a name"),
        ("selfSigned", "signed by itself", "compare the fingerprint"),
        ("unknownCa", "unknown authority", "trust its authority"),
        ("missingIntermediate", "intermediate certificate is missing", "the server has to send it"),
        ("badPurpose", "another purpose", "made for servers"),
    ],
)
def test_bad_files(in_process, files, chainFile, name: str, words: str, advice: str) -> None:
    """What it means, what to do, and exit code 5."""
    done = in_process("certificate", chainFile(name), *files.trust, "--servername", "localhost")
    assert done.code == 5
    assert words in done.out
    assert advice in done.out
    assert "Verdict: NOT valid: " in done.out


def test_json(in_process, files, chainFile) -> None:
    """One object for each certificate, problem and verdict."""
    done = in_process("certificate", chainFile("expired"), *files.trust, "--servername", "localhost", "--json")
    assert done.code == 5
    assert done.names() == ["certificate", "problem", "verdict"]
    (shown,), (problem,), (verdict,) = (done.of(name) for name in ("certificate", "problem", "verdict"))
    assert shown["names"] == ["localhost", "127.0.0.1", "::1"]
    assert shown["subject"] == "CN=qtsecure throw-away certificate"
    assert shown["fingerprint"] == SslCertificate(files.pki.expired.certificate).fingerprint()
    assert str(shown["validUntil"]).endswith("Z")
    assert int(str(shown["daysLeft"])) < 0
    assert (problem["code"], problem["position"], problem["overridable"]) == ("CertificateExpired", 0, True)
    assert problem["advice"]
    assert verdict == {"event": "verdict", "valid": False, "name": "localhost"}


def test_text_of_others_cannot_play_tricks(in_process, files, tmp_path: Path) -> None:
    """Control characters are escaped."""
    identity = files.pki.ca.issue(["localhost"], commonName="evil\x1b[2J\nname")
    path = tmp_path / "evil.pem"
    path.write_bytes(identity.chainPem())
    done = in_process("certificate", path, *files.trust)
    assert "\x1b" not in done.out
    assert "evil\\x1b[2J\\nname" in done.out


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_no_certificate_in_it(in_process, files, tmp_path: Path, content: bytes) -> None:
    """Exit code 2 and one sentence that names the file."""
    path = tmp_path / "bad.pem"
    path.write_bytes(content)
    done = in_process("certificate", path, *files.trust)
    assert done.code == 2
    assert "bad.pem" in done.sentence()
    done = in_process("certificate", files.cert, "--ca", path)
    assert done.code == 2
    assert "bad.pem" in done.sentence()


def test_a_good_server(run, serving, files) -> None:
    """Asked over the network; the name is that of the address."""
    with serving(*files.server) as server:
        done = run("certificate", f"127.0.0.1:{server.port}", *files.trust)
        assert done.code == 0, done.err
        assert "Verdict: valid for 127.0.0.1" in done.out
        done = run("certificate", f"127.0.0.1:{server.port}", *files.trust, "--servername", "other.example", "--json")
    assert done.code == 5
    assert [problem["code"] for problem in done.of("problem")] == ["HostNameMismatch"]
    assert done.of("verdict") == [{"event": "verdict", "valid": False, "name": "other.example"}]


def test_an_untrusted_server(run, serving, files) -> None:
    """Without --ca the authorities of this computer count."""
    with serving(*files.server) as server:
        done = run("certificate", f"127.0.0.1:{server.port}", SSL_CERT_FILE=str(files.clientCert), SSL_CERT_DIR="")
    assert done.code == 5
    assert "unknown authority" in done.out


def test_a_server_that_demands_a_certificate(run, serving, files) -> None:
    """TLS 1.3 tells its client later: the chain is shown all the same."""
    with serving(*files.server, *files.trust, "--require-client-cert") as server:
        done = run("certificate", f"127.0.0.1:{server.port}", *files.trust)
    assert "Verdict: valid for 127.0.0.1" in done.out
    assert done.code == 0


def test_an_old_server_that_demands_a_certificate(run, files) -> None:
    """TLS 1.2 tells its client within the handshake, which fails then; the chain is shown before the error."""
    with OpensslServer(
        files.pki.server, version="tls1_2", clientCertificate="required", caCertificates=[files.pki.ca.certificate]
    ) as server:
        done = run("certificate", f"127.0.0.1:{server.port}", *files.trust)
    assert done.code == 5
    assert "Verdict: valid for 127.0.0.1" in done.out
    assert "alert" in done.sentence()


def test_nobody_there(run, files) -> None:
    """Exit code 4."""
    with closedPort() as port:
        done = run("certificate", f"127.0.0.1:{port}", *files.trust)
    assert done.code == 4
    assert done.sentence()


def test_somebody_who_says_nothing(run, files) -> None:
    """Exit code 6, after the given time."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        done = run("certificate", f"127.0.0.1:{silent.getsockname()[1]}", *files.trust, "--timeout", "200")
    assert done.code == 6
    assert "within 200 ms" in done.sentence()


@pytest.mark.parametrize("code", list(IssueCode))
def test_there_is_advice_for_everything(code: IssueCode) -> None:
    """Whole sentences."""
    advice = adviceFor(SslError.fromIssue(VerificationIssue(int(code), 0, None)))
    assert advice[0].isupper()
    assert advice.endswith(".")


def test_advice_for_errors_of_programs() -> None:
    """Qt's codes without an engine."""
    assert all(adviceFor(SslError(code)) for code in QSslError.SslError)

"""R14: which certificate proves which name, through real handshakes, beside an independent implementation."""

from __future__ import annotations

import functools
import ipaddress
import warnings
from dataclasses import dataclass

import pytest
import service_identity
from cryptography import x509
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

from qtsecure.engine.verification import IssueCode
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import Pair, client_configuration, make_certificate, server_configuration
from tests.figures import Figure

pytestmark = pytest.mark.figure("R14")

NAME_ERRORS = {IssueCode.HOSTNAME_MISMATCH, IssueCode.IP_ADDRESS_MISMATCH, IssueCode.INVALID_HOST_NAME}


@dataclass(frozen=True)
class Case:
    """One pair.

    Attributes:
        names: The certificate's alternative names: DNS names, ``IP:``, ``URI:`` and ``MAIL:`` entries,
            and ``CN:`` for the common name of the subject.
        asked: The name that the client wants.
        good: Whether the certificate proves it.
        other: Why service_identity judges otherwise; empty if it must agree.
    """

    names: tuple[str, ...]
    asked: str
    good: bool
    other: str = ""


def case(names: str, asked: str, good: bool, other: str = "") -> Case:
    """A row of the table; the names are separated by spaces."""
    return Case(tuple(names.split()), asked, good, other)


DOT = "service_identity does not strip the trailing dot of the asked name"
OLD_IDNA = "service_identity encodes with IDNA 2008 without mapping, so it cannot ask for this at all"
UNDERSCORE = "OpenSSL lets a wildcard stand for letters, digits and hyphens only; no host name has an underscore"
SPACES = "service_identity strips spaces from the asked name, which belongs to whoever reads the name"
A_LABEL = "service_identity matches no wildcard against an A-label; RFC 9525 section 6.3 leaves that open"
LOCAL_WILDCARD = "service_identity lets the first label of the asked name be empty"
BRACKETS = "service_identity knows addresses without brackets and scope only"

TABLE = [
    # Plain names, and their spelling
    case("good.example", "good.example", True),
    case("good.example", "GOOD.example", True),
    case("GOOD.Example", "good.example", True),
    case("good.example", "good.example.", True, DOT),
    case("good.example", "GOOD.EXAMPLE.", True, DOT),
    case("a.example b.example good.example", "good.example", True),
    case("good.example IP:127.0.0.1", "good.example", True),
    case("good.example", "xgood.example", False),
    case("good.example", "good.example.evil.example", False),
    case("good.example", "sub.good.example", False),
    case("good.example", "example", False),
    case("good.example", "good", False),
    case("good.example", "good.exampl", False),
    case("good.example", "good-example", False),
    case("localhost", "localhost", True),
    case("localhost", "LocalHost", True),
    case("localhost.localdomain", "localhost", False),
    # Names that are no names
    case("good.example", "", False),
    case("good.example", ".", False),
    case("good.example", ".example", False),
    case("good.example", ".good.example", False),
    case("good.example", "good..example", False),
    case("good.example", "good.example..", False),
    case("good.example", "x", False),
    case("good.example", " good.example", False, SPACES),
    case("good.example", "good.example\n", False, SPACES),
    case("good.example", "good.example\0", False),
    case("good.example", "good.example\0.evil.example", False),
    case("good.example", "good.example:443", False),
    case("good.example", "https://good.example", False),
    case("good.example", "good.example/", False),
    case("good.example", "user@good.example", False),
    case("good.example", "*.example", False),
    case("*.example", "*.example", False),
    case("good.example", "-good.example", False),
    case("good.example", "a" * 64 + ".example", False),
    case("good.example", "a." * 126 + "example", False),
    # The common name proves nothing
    case("CN:good.example", "good.example", False),
    case("CN:good.example other.example", "good.example", False),
    case("CN:good.example IP:10.0.0.1", "good.example", False),
    case("CN:good.example MAIL:root@good.example", "good.example", False),
    case("CN:*.example", "good.example", False),
    case("CN:127.0.0.1", "127.0.0.1", False),
    # Other kinds of names prove no host
    case("URI:https://good.example/", "good.example", False),
    case("MAIL:someone@good.example", "good.example", False),
    # Wildcards: the whole left-most label, one level
    case("*.w.example", "a.w.example", True),
    case("*.w.example", "A.W.EXAMPLE", True),
    case("*.w.example", "a.w.example.", True, DOT),
    case("*.w.example", "a.b.w.example", False),
    case("*.w.example", "w.example", False),
    case("*.w.example", ".w.example", False, LOCAL_WILDCARD),
    case("*.w.example", "aw.example", False),
    case("*.w.example w.example", "w.example", True),
    case("f*.w.example", "foo.w.example", False),
    case("*f.w.example", "of.w.example", False),
    case("f*o.w.example", "foo.w.example", False),
    case("a.*.example", "a.b.example", False),
    case("*.*.example", "a.b.example", False),
    case("**.w.example", "a.w.example", False),
    case("*", "localhost", False),
    case("*", "good.example", False),
    case("*.", "localhost", False),
    case("*.com", "good.com", False),
    case("*.example", "good.example", False),
    case("*.localhost", "a.localhost", False),
    case("*.w.example", "_service.w.example", False, UNDERSCORE),
    # International names
    case("xn--bcher-kva.example", "bücher.example", True),
    case("xn--bcher-kva.example", "BÜCHER.example", True, OLD_IDNA),
    case("xn--bcher-kva.example", "xn--bcher-kva.example", True),
    case("xn--bcher-kva.example", "XN--BCHER-KVA.example", True),
    case("xn--bcher-kva.example", "bucher.example", False),
    case("xn--strae-oqa.example", "straße.example", True),
    case("strasse.example", "straße.example", False),
    case("*.w.example", "bücher.w.example", True, A_LABEL),
    case("*.w.example", "xn--bcher-kva.w.example", True, A_LABEL),
    case("xn--*.w.example", "xn--bcher-kva.w.example", False),
    case("good.example", "\uff47\uff4f\uff4f\uff44.example", True, OLD_IDNA),
    case("good.example", "good\u3002example", True),
    case("good.example", "g\u043e\u043ed.example", False),  # with Cyrillic letters
    # Addresses
    case("IP:127.0.0.1", "127.0.0.1", True),
    case("IP:127.0.0.2", "127.0.0.1", False),
    case("IP:10.0.0.1 IP:127.0.0.1", "127.0.0.1", True),
    case("127.0.0.1", "127.0.0.1", False),
    case("IP:127.0.0.1", "127.1", False),
    case("IP:127.0.0.1", "2130706433", False),
    case("IP:127.0.0.1", "0x7f.0.0.1", False),
    case("IP:127.0.0.1", "127.0.0.01", False),
    case("IP:127.0.0.1", "localhost", False),
    case("IP:127.0.0.1", "127.0.0.1.", False),
    case("*.0.0.1", "127.0.0.1", False),
    case("IP:::1", "::1", True),
    case("IP:::1", "0:0:0:0:0:0:0:1", True),
    case("IP:::1", "[::1]", True, BRACKETS),
    case("IP:2001:db8::1", "2001:DB8::1", True),
    case("IP:fe80::1", "fe80::1%eth0", True, BRACKETS),
    case("IP:::1", "::2", False),
    case("IP:127.0.0.1", "::ffff:127.0.0.1", False),
    case("IP:::ffff:127.0.0.1", "127.0.0.1", False),
    case("IP:::1", "127.0.0.1", False),
    case("IP:::1", "[::1", False),
    # Certificates that try to trick
    case("NUL:good.example", "good.example", False),
    case("good.example.", "good.example", False),
    case(".example", "good.example", False),
    case(".good.example", "sub.good.example", False),
    case("good.example:443", "good.example", False),
    case("under_score.example", "under_score.example", True),
    case("EMPTY:", "good.example", False),
]


def tlv(tag: int, body: bytes) -> bytes:
    """One short element of DER."""
    assert len(body) < 128
    return bytes((tag, len(body))) + body


def entry(name: str) -> bytes:
    """A GeneralName as DER, also one that cryptography would refuse to make."""
    kind, _, rest = name.partition(":")
    if kind == "IP":
        return tlv(0x87, ipaddress.ip_address(rest).packed)
    if kind == "URI":
        return tlv(0x86, rest.encode())
    if kind == "MAIL":
        return tlv(0x81, rest.encode())
    if kind == "NUL":
        return tlv(0x82, rest.encode() + b"\0.evil.example")
    return tlv(0x82, b"" if kind == "EMPTY" else name.encode())


@functools.cache
def world() -> PublicKeyInfrastructure:
    """One authority for the whole table."""
    return PublicKeyInfrastructure()


@functools.cache
def certificate(names: tuple[str, ...]) -> IssuedCertificate:
    """A certificate for these names; the same one each time."""
    common = [name.removeprefix("CN:") for name in names if name.startswith("CN:")]
    entries = b"".join(entry(name) for name in names if not name.startswith("CN:"))
    extension = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("2.5.29.17"), b"\x30" + bytes((len(entries),)) + entries
    )
    return make_certificate(
        world().ca, (), extensions=[(extension, False)] if entries else (), common_name=common[0] if common else "R14"
    )


def handshake_accepts(row: Case) -> bool:
    """The verdict of a real handshake."""
    pair = Pair(
        client_configuration([world().ca.certificate]), server_configuration(certificate(row.names)), name=row.asked
    ).handshake()
    assert pair.client.completed is pair.server.completed
    if not pair.client.completed:
        # Refused because of the name and for nothing else, with the alert for that.
        assert set(pair.client.issue_codes) <= NAME_ERRORS
        assert pair.server.alerts_received == [42]
    return pair.client.completed


def service_identity_accepts(row: Case) -> bool:
    """The verdict of service_identity, which shares no code with OpenSSL."""
    own = certificate(row.names).certificate
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ipaddress.ip_address(row.asked)
            except ValueError:
                verify_certificate_hostname(own, row.asked)
            else:
                verify_certificate_ip_address(own, row.asked)
    except (service_identity.VerificationError, service_identity.CertificateError, ValueError):
        return False
    return True


def test_r14_host_name_matrix(figure: Figure) -> None:
    """Every pair of the table; what must not match and does is a door left open."""
    verdicts = {row: handshake_accepts(row) for row in TABLE}
    right = sum(verdict is row.good for row, verdict in verdicts.items())
    fail_open = [row for row, verdict in verdicts.items() if verdict and not row.good]
    figure.none("doors left open", len(fail_open), len(TABLE))
    figure.none("deviations from the table", len(TABLE) - right, len(TABLE))
    assert fail_open == []
    assert [row for row, verdict in verdicts.items() if verdict is not row.good] == []
    assert len(verdicts) == len(TABLE) >= 60


@pytest.mark.parametrize("row", TABLE, ids=lambda row: ascii(f"{' '.join(row.names)} / {row.asked}")[:80])
def test_service_identity_agrees_or_the_table_says_why(row: Case) -> None:
    """The expectations are not just what OpenSSL does: an independent implementation shares them."""
    assert (service_identity_accepts(row) is row.good) is not bool(row.other)

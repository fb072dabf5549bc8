"""Names of a certificate in messages: helpful, short, and harmless whatever the peer has put there."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from qtsecure.engine.certificate_names import describe_names_untrusted

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(names: Sequence[x509.GeneralName]) -> bytes:
    """A certificate with these subject alternative names; without the extension if there are none."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "common.example")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(subject, subject, KEY.public_key(), 1, now, now + timedelta(days=1))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.DER)


def dns(*names: str) -> bytes:
    """A certificate with DNS names, which are not checked."""
    return certificate([x509.DNSName._init_without_validation(name) for name in names])


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a.example"], "it is for a.example"),
        (["a.example", "*.b.example"], "it is for a.example and *.b.example"),
        (["a.example", "b.example", "c.example"], "it is for a.example, b.example and c.example"),
        (["a.example", "b.example", "c.example", "d", "e"], "it is for a.example, b.example, c.example and 2 more"),
    ],
)
def test_names(names: list[str], text: str) -> None:
    """At most three, and how many more there are."""
    assert describe_names_untrusted(dns(*names)) == text


def test_other_kinds_of_names() -> None:
    """Addresses count, e-mail addresses do not."""
    address = x509.IPAddress(ipaddress.ip_address("2001:db8::1"))
    mail = x509.RFC822Name("a@b.example")
    assert describe_names_untrusted(certificate([mail, address])) == "it is for 2001:db8::1"
    assert describe_names_untrusted(certificate([mail])) == ""


def test_no_names() -> None:
    """The usual mistake of certificates that are made by hand."""
    text = describe_names_untrusted(certificate([]))
    assert "no subject alternative names" in text
    assert "common.example" not in text


@pytest.mark.parametrize(
    "name", ["<a href=x>", "a\x1b[2J", "a\nb", "a b", "", "a/b", "a'b", "a\x00.example", "a,b", "a;b", "a\n"]
)
def test_names_that_could_do_harm(name: str) -> None:
    """Left out, whatever is beside them."""
    assert describe_names_untrusted(dns(name)) == ""
    assert describe_names_untrusted(dns(name, "good.example")) == "it is for good.example"


def test_long_names() -> None:
    """The end is kept: it tells whose the name is."""
    text = describe_names_untrusted(dns("www.bank.example." + "a" * 200 + ".evil.example"))
    assert text.startswith("it is for ...aaa")
    assert text.endswith("a.evil.example")
    assert len(text) == len("it is for ") + 60


@given(st.binary(max_size=200))
def test_garbage(data: bytes) -> None:
    """No name, no exception."""
    assert describe_names_untrusted(data) == ""


@given(st.data())
def test_damaged_certificates(data: st.DataObject) -> None:
    """No exception, and never much text."""
    der = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    assert len(describe_names_untrusted(bytes(der))) < 250


GOOD = dns("a.example", "b.example")


def test_huge_certificates() -> None:
    """Not looked at: messages are not worth it."""
    assert describe_names_untrusted(GOOD + bytes(65536)) == ""

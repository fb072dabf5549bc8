"""Recognising what is not TLS."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtsecure.engine.records import describe_first_bytes_untrusted, starts_tls_handshake_untrusted


@pytest.mark.parametrize("prefix", [b"\x16", b"\x16\x03", b"\x16\x03\x01\x02\x00\x01"])
def test_tls_handshake_is_recognised(prefix: bytes) -> None:
    """One byte is enough."""
    assert starts_tls_handshake_untrusted(prefix)


@pytest.mark.parametrize("prefix", [b"", b"\x15\x03\x03", b"\x16\xfe\xfd", b"GET / HTTP/1.1", b"\x17", b"\x03"])
def test_anything_else_is_not(prefix: bytes) -> None:
    """Nothing, alerts, DTLS and plain text."""
    assert not starts_tls_handshake_untrusted(prefix)


@pytest.mark.parametrize(
    ("data", "fragment"),
    [
        (b"", "nothing"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", "a plain HTTP request"),
        (b"CONNECT a:443 HTTP/1.1\r\n", "a plain HTTP request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "an unencrypted HTTP/2 connection preface"),
        (b"HTTP/1.1 400 Bad Request\r\n", "a plain HTTP response"),
        (b"SSH-2.0-OpenSSH_9.7\r\n", "an SSH banner"),
        (b"220 mail.example ESMTP\r\n", "an SMTP or FTP banner"),
        (b"220 ProFTPD ready\r\n", "an FTP banner"),
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "an IMAP greeting"),
        (b"+OK POP3 ready\r\n", "a POP3 greeting"),
        (b"EHLO a\r\n", "an unencrypted SMTP command"),
        (b"RFB 003.008\n", "a VNC (RFB) greeting"),
        (b"<?xml version='1.0'?><stream:stream", "an unencrypted XML stream, such as XMPP"),
        (b"PROXY TCP4 192.0.2.1", "a PROXY protocol header"),
        (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11", "a PROXY protocol header"),
        (b"\x16\xfe\xff\x00\x00", "a DTLS record (meant for UDP)"),
        (b"\x16\x03\x01\x02\x00", "a TLS handshake record"),
        (b"\x17\x03\x03\x00\x20", "encrypted TLS data before any handshake"),
        (b"\x80\x2e\x01\x00\x02", "an SSL 2 hello"),
        (b"\x80\x2e\x01\x03\x01", "an SSL 2 compatible hello"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "an unencrypted TLS alert (no common set"),
        (b"\x15\x03\x03\x00\x02\x02\xfa", "an unencrypted TLS alert"),
        (b"\x15\x03", "an unencrypted TLS alert"),
        (b"\x00\x01\x02", "bytes that are not TLS"),
        (b"hello", "bytes that are not TLS"),
        (b"\x15", "bytes that are not TLS"),
    ],
)
def test_protocols_are_named(data: bytes, fragment: str) -> None:
    """The usual mix-ups of ports and modes."""
    described = describe_first_bytes_untrusted(data)
    assert described.startswith(fragment)
    assert (described == fragment) is not fragment.endswith("set")


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=100)
    | st.builds(lambda a, b: a + b, st.sampled_from([b"220 ", b"\x15\x03", b"GET "]), st.binary())
)
def test_any_bytes_give_a_short_text_without_them(data: bytes) -> None:
    """Never raises, is bounded, and depends on no more than 64 bytes."""
    described = describe_first_bytes_untrusted(data)
    assert 0 < len(described) < 150
    assert described.isascii()
    assert described.isprintable()
    assert described == describe_first_bytes_untrusted(data[:64])
    starts_tls_handshake_untrusted(data)


def test_content_is_never_repeated() -> None:
    """A password in a request or banner does not end up in an error message."""
    for start in (b"GET /", b"220 ", b"* OK ", b"+OK ", b"SSH-2.0-", b"HTTP/1.1 "):
        assert "sesame" not in describe_first_bytes_untrusted(start + b"sesame")

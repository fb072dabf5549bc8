"""gio-S25 and S26: SOCKS on the wire, each reply with its error."""

from __future__ import annotations

import pytest

from qtsecure.errors import SecureError
from qtsecure.net.proxies.negotiator import ProxyNegotiator
from tests.net.proxies.answers import BOUND, negotiationFor
from tests.net.proxies.rig import MakeRig

Code = SecureError.Code
BEHIND = b"220 hello"


@pytest.mark.parametrize(
    ("login", "offer"),
    [
        ("", b"\5\1\0"),
        ("joe:secret", b"\5\2\0\2"),
        ("joe", b"\5\2\0\2"),
        (":secret", b"\5\2\0\2"),
    ],
)
def test_gio_s25_methods_that_are_offered(makeRig: MakeRig, login: str, offer: bytes) -> None:
    """User name and password only if there is one of them."""
    rig = makeRig("socks5", login=login)
    rig.start()
    assert rig.hear(len(offer)) == offer


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ("joe:secret", b"\1\3joe\6secret"),
        ("joe", b"\1\3joe\0"),
        (":secret", b"\1\0\6secret"),
        ("a%3Ab:p%40%C3%BC", b"\1\3a:b\4p@\xc3\xbc"),
    ],
)
def test_gio_s25_login(makeRig: MakeRig, login: str, said: bytes) -> None:
    """RFC 1929, with what the URI has percent-encoded."""
    rig = makeRig("socks5", login=login)
    rig.start()
    rig.hear(4)
    rig.say(b"\5\2")
    assert rig.hear(len(said)) == said
    rig.say(b"\1\0")
    rig.hear(4 + 1 + 12 + 2)
    rig.say(b"\5\0\0" + BOUND[1] + b"\0\1")
    assert rig.connection() is rig.socket


def test_gio_s25_no_login_is_said_when_the_proxy_wants_none(makeRig: MakeRig) -> None:
    """The proxy has the choice."""
    rig = makeRig("socks5", login="joe:secret")
    rig.start()
    rig.hear(4)
    rig.say(b"\5\0")
    assert rig.hear(19) == b"\5\1\0\3\x0cmail.example\x03\xe1"


@pytest.mark.parametrize(
    ("login", "answer", "code"),
    [
        ("", b"\5\xff", Code.ProxyNeedAuth),
        ("", b"\5\2", Code.ProxyNeedAuth),
        ("", b"\5\1", Code.ProxyAuthFailed),
        ("joe:secret", b"\5\xff", Code.ProxyAuthFailed),
        ("joe:secret", b"\5\1", Code.ProxyAuthFailed),
        ("joe:secret", b"\5\x80", Code.ProxyAuthFailed),
        ("", b"\4\0", Code.ProxyFailed),
        ("", b"HT", Code.ProxyFailed),
    ],
)
def test_gio_s25_methods_that_are_demanded(makeRig: MakeRig, login: str, answer: bytes, code: SecureError.Code) -> None:
    """What cannot be done is told apart from what the user could do."""
    rig = makeRig("socks5", login=login)
    rig.start()
    rig.hear(4 if login else 3)
    rig.say(answer)
    assert rig.failure().code is code


@pytest.mark.parametrize("status", [b"\1\1", b"\1\xff", b"\5\0", b"\0\0"])
def test_gio_s25_wrong_password(makeRig: MakeRig, status: bytes) -> None:
    """Neither name nor password is repeated."""
    rig = makeRig("socks5", login="joe:secret")
    rig.start()
    rig.hear(4)
    rig.say(b"\5\2")
    rig.hear(12)
    rig.say(status)
    failure = rig.failure()
    assert failure.code is Code.ProxyAuthFailed
    assert "secret" not in failure.message
    assert "joe" not in failure.message


@pytest.mark.parametrize(
    ("host", "user", "password"),
    [("h" * 256, None, None), ("mail.example", "u" * 256, None), ("mail.example", "u", "ü" * 128)],
    ids=["host", "user", "password"],
)
def test_gio_s25_too_long(host: str, user: str | None, password: str | None) -> None:
    """A length is one byte; nothing is sent."""
    with pytest.raises(SecureError) as refused:
        negotiationFor("socks5", host, user=user, password=password)
    assert refused.value.code is Code.ProxyFailed
    assert "more than 255 bytes" in refused.value.message
    negotiationFor(
        "socks5", host[:255], user=user[:255] if user else None, password=password[:127] if password else None
    )


def test_gio_s25_a_login_that_is_too_long_fails_later(makeRig: MakeRig) -> None:
    """By a signal and not by an exception."""
    rig = makeRig("socks5", login="joe:" + "x" * 256)
    rig.start()
    failure = rig.failure()
    assert failure.code is Code.ProxyFailed
    assert "xxx" not in failure.message


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("mail.example", b"\3\x0cmail.example"),
        ("192.0.2.7", b"\1\xc0\0\2\7"),
        ("2001:db8::7", b"\4\x20\1\x0d\xb8" + bytes(11) + b"\7"),
    ],
)
@pytest.mark.parametrize("bound", BOUND.values(), ids=["IPv4", "IPv6", "name"])
def test_gio_s25_connecting(makeRig: MakeRig, host: str, said: bytes, bound: bytes) -> None:
    """Names are not looked up here; the bound address is read to its end, and not further."""
    rig = makeRig("socks5", host)
    rig.start()
    rig.hear(3)
    rig.say(b"\5\0")
    assert rig.hear(3 + len(said) + 2) == b"\5\1\0" + said + b"\x03\xe1"
    rig.say(b"\5\0\0" + bound + b"\x04\x38" + BEHIND)
    connection = rig.connection()
    assert connection is rig.socket
    assert connection.readBytes() == BEHIND


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (1, Code.ProxyFailed),
        (2, Code.ProxyNotAllowed),
        (3, Code.NetworkUnreachable),
        (4, Code.HostUnreachable),
        (5, Code.ConnectionRefused),
        (6, Code.HostUnreachable),
        (7, Code.ProxyFailed),
        (8, Code.ProxyFailed),
        (9, Code.ProxyFailed),
        (255, Code.ProxyFailed),
    ],
)
def test_gio_s25_replies(makeRig: MakeRig, reply: int, code: SecureError.Code) -> None:
    """One sentence for each, with the proxy and what was to be reached."""
    rig = makeRig("socks5")
    rig.start()
    rig.hear(3)
    rig.say(b"\5\0")
    rig.hear(19)
    rig.say(bytes((5, reply, 0)) + BOUND[1] + b"\0\0")
    failure = rig.failure()
    assert failure.code is code
    assert failure.message.startswith(f"The proxy 127.0.0.1:{rig.address.port()} ")
    assert failure.message.endswith(".")
    assert "mail.example:993" in failure.message


@pytest.mark.parametrize("answer", [b"\4\0\0\1", b"\5\0\1\1", b"\5\0\0\2", b"\5\0\0\0"])
def test_gio_s25_answers_that_make_no_sense(makeRig: MakeRig, answer: bytes) -> None:
    """Another version, something where nothing should be, an unknown type of address."""
    rig = makeRig("socks5")
    rig.start()
    rig.hear(3)
    rig.say(b"\5\0")
    rig.hear(19)
    rig.say(answer)
    assert rig.failure().code is Code.ProxyFailed


@pytest.mark.parametrize(
    ("protocol", "host", "login", "said"),
    [
        ("socks4", "192.0.2.7", "", b"\4\1\x03\xe1\xc0\0\2\7\0"),
        ("socks4", "192.0.2.7", "joe:secret", b"\4\1\x03\xe1\xc0\0\2\7joe\0"),
        ("socks4a", "192.0.2.7", "joe", b"\4\1\x03\xe1\xc0\0\2\7joe\0"),
        ("socks4a", "mail.example", "joe", b"\4\1\x03\xe1\0\0\0\1joe\0mail.example\0"),
    ],
)
def test_gio_s26_connecting(makeRig: MakeRig, protocol: str, host: str, login: str, said: bytes) -> None:
    """The user name goes out as it is, a password does not; names only with 4A."""
    rig = makeRig(protocol, host, login)
    rig.start()
    assert rig.hear(len(said)) == said
    rig.say(b"\0\x5a" + bytes(6) + BEHIND)
    connection = rig.connection()
    assert connection is rig.socket
    assert connection.readBytes() == BEHIND


@pytest.mark.parametrize("answer", [b"\0\x5b", b"\0\x5c", b"\0\x5d", b"\0\0", b"\0\xff", b"\4\x5a", b"\5\0"])
@pytest.mark.parametrize("protocol", ["socks4", "socks4a"])
def test_gio_s26_replies(makeRig: MakeRig, protocol: str, answer: bytes) -> None:
    """Everything but 90 is a refusal, and so is another version."""
    rig = makeRig(protocol, "192.0.2.7")
    rig.start()
    rig.hear(9)
    rig.say(answer + bytes(6))
    failure = rig.failure()
    assert failure.code is Code.ProxyFailed
    assert ("192.0.2.7:993" in failure.message) == (answer[0] == 0)


@pytest.mark.parametrize("protocol", ["socks4", "socks4a"])
def test_gio_s26_no_ipv6(protocol: str) -> None:
    """There is no room for it."""
    with pytest.raises(SecureError, match="knows no IPv6 addresses") as refused:
        negotiationFor(protocol, "2001:db8::7")
    assert refused.value.code is Code.ProxyFailed


def test_gio_s26_names_are_looked_up_by_the_caller() -> None:
    """takesHostNames() says so, and a name is refused."""
    names = {protocol: ProxyNegotiator.takesHostNames(protocol) for protocol in ("socks4", "socks4a", "socks5", "http")}
    assert names == {"socks4": False, "socks4a": True, "socks5": True, "http": True}
    with pytest.raises(SecureError, match="look the host up") as refused:
        negotiationFor("socks4", "mail.example")
    assert refused.value.code is Code.ProxyFailed


@pytest.mark.parametrize(
    ("protocol", "host", "user"),
    [("socks4", "192.0.2.7", "u" * 256), ("socks4a", "mail.example", "u" * 256), ("socks4a", "h" * 256, "u")],
)
def test_gio_s26_too_long(protocol: str, host: str, user: str) -> None:
    """Gio's limit, in both protocols."""
    with pytest.raises(SecureError, match="more than 255 bytes") as refused:
        negotiationFor(protocol, host, user=user)
    assert refused.value.code is Code.ProxyFailed
    negotiationFor(protocol, host[:255], user=user[:255])

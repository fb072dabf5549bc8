"""The negotiations, byte by byte: how much they read, what garbage does, what they keep secret."""

from __future__ import annotations

import itertools
import pickle

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtsecure.errors import SecureError
from qtsecure.net.proxies.negotiation import ProxyRequest
from tests.net.proxies.answers import NEGOTIATIONS, SECRET, TALKS, USER, Talk, begin, feed, negotiationFor

Code = SecureError.Code
BEHIND = b"\r\n\r\n\5\0\0\1 220 what the destination says"

# Always the same examples, so that a run that was green stays green.
many = settings(max_examples=200, deadline=None, derandomize=True, database=None)
talks = st.sampled_from(list(TALKS.values()))
noise = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda head, tail: head + tail,
        st.sampled_from(
            [b"\5\0", b"\5\2", b"\5\0\5\0\0\1", b"\5\0\5\0\0\3", b"\0\x5a", b"HTTP/1.1 ", b"HTTP/1.1 200 "]
        ),
        st.binary(max_size=300),
    ),
)


@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_not_one_byte_too_many(talk: Talk, size: int) -> None:
    """However the answers arrive, what is behind the last one is left alone."""
    negotiation = begin(talk)
    for last, answer in enumerate(talk.answers, 1):
        assert negotiation.takeOutgoing()
        data = answer + (BEHIND if last == len(talk.answers) else b"")
        while data and not negotiation.complete:
            taken = negotiation.receive_untrusted(data[:size])
            assert taken == min(size, len(data)) or negotiation.complete
            data = data[taken:]
    assert negotiation.complete
    assert data == BEHIND
    assert negotiation.takeOutgoing() == b""
    assert negotiation.receive_untrusted(BEHIND) == 0


@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS)
def test_nothing_is_complete_before_the_last_byte(talk: Talk) -> None:
    """An answer that was cut off is none."""
    negotiation = begin(talk)
    whole = b"".join(talk.answers)
    assert feed(negotiation, whole[:-1]) == len(whole) - 1
    assert not negotiation.complete
    assert negotiation.ended().code is Code.ProxyFailed
    assert feed(negotiation, whole[-1:]) == 1
    assert negotiation.complete


def test_a_proxy_in_a_hurry_is_still_asked() -> None:
    """One that answers before it was asked is not heard before everything was said."""
    negotiation = begin(TALKS["socks5-login"])
    whole = b"".join(TALKS["socks5-login"].answers)
    said = []
    while not negotiation.complete:
        said.append(negotiation.takeOutgoing())
        assert negotiation.receive_untrusted(b"") == 0
        whole = whole[negotiation.receive_untrusted(whole) :]
    assert [message[:2] for message in said] == [b"\5\2", b"\1" + bytes((len(USER),)), b"\5\1"]
    assert negotiation.takeOutgoing() == b""


@many
@given(talk=talks, cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_segmentation(talk: Talk, cuts: list[int]) -> None:
    """The network may cut anywhere."""
    negotiation = begin(talk)
    whole = b"".join(talk.answers)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    for start, end in itertools.pairwise(places):
        assert not negotiation.complete
        assert feed(negotiation, whole[start:end]) == end - start
    assert negotiation.complete


@many
@given(protocol=st.sampled_from(list(NEGOTIATIONS)), login=st.booleans(), parts=st.lists(noise, max_size=5))
def test_garbage_raises_one_type_of_exception(protocol: str, login: bool, parts: list[bytes]) -> None:
    """And nobody's password is in it."""
    negotiation = negotiationFor(
        protocol, "192.0.2.1", user=USER if login else None, password=SECRET if login else None
    )
    failure: SecureError | None = None
    for part in parts:
        try:
            taken = feed(negotiation, part)
        except SecureError as error:
            failure = error
            break
        assert taken == len(part) or negotiation.complete
    if failure is not None:
        assert failure.message.startswith("The proxy proxy.example:1080 ")
        assert SECRET not in failure.message
        assert not negotiation.complete


@many
@given(talk=talks, place=st.integers(0, 60), value=st.integers(0, 255))
def test_one_wrong_byte(talk: Talk, place: int, value: int) -> None:
    """It changes the outcome or it does not, but it raises nothing else."""
    whole = bytearray(b"".join(talk.answers))
    whole[place % len(whole)] = value
    negotiation = begin(talk)
    try:
        feed(negotiation, bytes(whole))
    except SecureError:
        assert not negotiation.complete


@pytest.mark.parametrize("protocol", NEGOTIATIONS)
def test_a_failure_stays_one(protocol: str) -> None:
    """Whoever goes on after an error gets the same, and never a connection."""
    negotiation = negotiationFor(protocol, "192.0.2.1")
    with pytest.raises(SecureError) as first:
        feed(negotiation, b"nonsense of a peer\r\n\r\n")
    for talk in TALKS.values():
        with pytest.raises(SecureError) as second:
            negotiation.receive_untrusted(b"".join(talk.answers))
        assert second.value is first.value
    assert not negotiation.complete


statusLines = st.builds(
    lambda minor, status, reason, end: b"HTTP/1.%d %d%s" % (minor, status, reason) + end,
    st.integers(0, 1),
    st.integers(200, 299),
    st.sampled_from([b" OK", b" Connection established", b" ", b""]),
    st.just(b"\r\n"),
)
headers = st.lists(
    st.builds(
        lambda name, value: name + b": " + value + b"\r\n",
        st.from_regex(rb"[A-Za-z][A-Za-z0-9-]{0,10}", fullmatch=True),
        st.from_regex(rb"[!-~]{1,20}( [!-~]{1,10})?", fullmatch=True),
    ),
    max_size=5,
)


@many
@given(line=statusLines, fields=headers, behind=st.binary(max_size=40))
def test_http_answers_end_where_h11_says(line: bytes, fields: list[bytes], behind: bytes) -> None:
    """A parser that is not ours finds the same end of the header."""
    answer = line + b"".join(fields) + b"\r\n"
    theirs = h11.Connection(h11.CLIENT)
    theirs.send(h11.Request(method="CONNECT", target="mail.example:993", headers=[("Host", "mail.example:993")]))
    theirs.receive_data(answer + behind)
    try:
        event = theirs.next_event()
    except h11.RemoteProtocolError:
        return  # a length twice, for example, which means nothing in this answer
    assert isinstance(event, h11.Response)
    ours = negotiationFor("http")
    taken = feed(ours, answer + behind)
    assert ours.complete
    assert (answer + behind)[taken:] == theirs.trailing_data[0] == behind


@pytest.mark.parametrize(
    "host",
    ["mail.example\r\nX-Evil: 1", "a b", "a/b", "a:1", "a@b", "[::1", "a\0b", "", "x\x7f", "a..ü", "\ud800.example"],
)
@pytest.mark.parametrize("protocol", ["socks5", "socks4a", "http"])
def test_a_host_name_cannot_say_more_than_a_host(protocol: str, host: str) -> None:
    """No second line, no other port: it is refused before anything is sent."""
    with pytest.raises(SecureError) as refused:
        negotiationFor(protocol, host)
    assert refused.value.code is Code.InvalidArgument


@pytest.mark.parametrize("protocol", ["socks5", "socks4a", "http"])
def test_international_names_go_out_in_ascii(protocol: str) -> None:
    """Proxies know no other."""
    negotiation = negotiationFor(protocol, "Bücher.example")
    if protocol == "socks5":
        negotiation.takeOutgoing()
        negotiation.receive_untrusted(b"\5\0")
    assert b"xn--bcher-kva.example" in negotiation.takeOutgoing()


def test_the_scope_of_an_address_stays_here() -> None:
    """It names an interface of this machine."""
    negotiation = negotiationFor("http", "fe80::1%eth0")
    assert negotiation.takeOutgoing().startswith(b"CONNECT [fe80::1]:993 HTTP/1.1\r\nHost: [fe80::1]:993\r\n")


def test_credentials_are_in_no_repr_and_no_error() -> None:
    """Whatever a log may show."""
    request = ProxyRequest("mail.example", 993, "proxy.example:1080", USER, SECRET)
    assert SECRET not in repr(request)
    assert USER not in repr(request)
    for protocol in NEGOTIATIONS:
        negotiation = negotiationFor(protocol, "192.0.2.1", user=USER, password=SECRET)
        assert SECRET not in repr(negotiation)
        with pytest.raises(TypeError):
            pickle.dumps(negotiation)  # a conversation under way is no value
        for error in (negotiation.ended(), negotiation.failure(Code.Failed, "x")):
            assert SECRET not in str(error)
            assert USER not in str(error)


@pytest.mark.parametrize(
    ("user", "password"),
    [("a:b", "c"), ("a\r\nX: y", "c"), ("a", "b\n"), ("\0", "")],
    ids=["colon", "line", "newline", "zero"],
)
def test_http_credentials_that_cannot_be_said(user: str, password: str) -> None:
    """Basic authentication separates with a colon; control characters are refused by RFC 7617."""
    with pytest.raises(SecureError) as refused:
        negotiationFor("http", user=user, password=password)
    assert refused.value.code is Code.ProxyFailed
    assert password not in refused.value.message or len(password) < 2


@pytest.mark.parametrize("protocol", ["socks4", "socks4a"])
def test_a_zero_byte_in_a_socks4_user_name(protocol: str) -> None:
    """It would end the name, and begin a host of somebody else's choice."""
    with pytest.raises(SecureError, match="zero byte"):
        negotiationFor(protocol, "192.0.2.1", user="joe\0evil.example")


def test_an_address_that_socks4a_would_take_for_a_mark() -> None:
    """0.0.0.x says that a name follows; the proxy would wait for one."""
    with pytest.raises(SecureError, match="a name follows"):
        negotiationFor("socks4a", "0.0.0.7")
    assert negotiationFor("socks4", "0.0.0.7").takeOutgoing() == b"\4\1\x03\xe1\0\0\0\x07\0"


@pytest.mark.parametrize("answer", [b"\x15\x03\x01\x00\x02\x02\x46", b"\x16\x03\x03\x00\x7a\x02\x00"])
def test_tls_where_http_was_expected(answer: bytes) -> None:
    """The usual mix-up gets its advice."""
    negotiation = negotiationFor("http")
    with pytest.raises(SecureError, match="its URI begin with https") as refused:
        feed(negotiation, answer)
    assert refused.value.code is Code.ProxyFailed

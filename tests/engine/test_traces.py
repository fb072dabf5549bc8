"""The trace of a handshake: every message of both directions, and nothing at all unless it is wanted."""

from __future__ import annotations

import pytest

from qtsecure.engine import _openssl_trace, contexts
from qtsecure.engine.events import HandshakeMessage
from qtsecure.engine.handshake_messages import message_name
from qtsecure.errors import SecureError
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network, dtls_client, dtls_server
from tests.engine.support import Pair, Version, client_configuration, server_configuration

FULL = {
    "1.2": [
        ">ClientHello",
        "<ServerHello",
        "<Certificate",
        "<ServerKeyExchange",
        "<ServerHelloDone",
        ">ClientKeyExchange",
        ">Finished",
        "<NewSessionTicket",
        "<Finished",
    ],
    "1.3": [
        ">ClientHello",
        "<ServerHello",
        "<EncryptedExtensions",
        "<Certificate",
        "<CertificateVerify",
        "<Finished",
        ">Finished",
    ],
}


def trace(events: list[HandshakeMessage]) -> list[str]:
    """The messages in one word each."""
    assert all(event.size > 0 for event in events)
    return [("<>"[event.sent]) + event.name for event in events]


def mirrored(lines: list[str]) -> list[str]:
    """What the other side sees, sorted, because flights cross."""
    return sorted(line.translate(str.maketrans("<>", "><")) for line in lines)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_traces_of_tls(pki: PublicKeyInfrastructure, version: Version, engine_path: str) -> None:
    """Both sides tell the same; tickets after the handshake as well."""
    client, server = client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version)
    pair = Pair(client, server, traced=True).established()
    seen = trace(pair.client.of(HandshakeMessage))
    assert seen == FULL[version]
    pair.say(b"data", from_server=True)
    assert mirrored(trace(pair.client.of(HandshakeMessage))) == sorted(trace(pair.server.of(HandshakeMessage)))
    tickets = [line for line in trace(pair.client.of(HandshakeMessage)) if "Ticket" in line]
    assert len(tickets) == (1 if version == "1.2" else 2)


def test_traces_of_dtls(pki: PublicKeyInfrastructure) -> None:
    """With the cookie exchange, which only the client sees."""
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.server), traced=True).established()
    cookie = [">ClientHello", "<HelloVerifyRequest"]
    assert trace(network.client.of(HandshakeMessage)) == cookie + FULL["1.2"]
    assert mirrored(FULL["1.2"]) == sorted(trace(network.server.of(HandshakeMessage)))


def test_no_trace_unless_wanted(pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch) -> None:
    """The callback is only set in contexts of traced connections."""
    traced: list[object] = []
    monkeypatch.setattr(_openssl_trace, "trace_messages", traced.append)
    monkeypatch.setattr(contexts, "_cache", type(contexts._cache)())
    client, server = client_configuration([pki.ca.certificate]), server_configuration(pki.server)
    pair = Pair(client, server).established()
    assert pair.client.of(HandshakeMessage) == []
    assert traced == []
    Pair(client, server, traced=True).established()
    assert len(traced) == 2


def test_a_build_that_cannot_trace_says_so(pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is asked for, not in flight."""
    monkeypatch.setattr(_openssl_trace, "tracing_supported", False)
    monkeypatch.setattr(contexts, "_cache", type(contexts._cache)())
    with pytest.raises(SecureError) as caught:
        Pair(client_configuration([pki.ca.certificate]), server_configuration(pki.server), traced=True).start()
    assert caught.value.code is SecureError.Code.NotSupported


def test_unknown_messages_have_numbers() -> None:
    """A peer may send what no standard knows."""
    assert message_name(11) == "Certificate"
    assert message_name(99) == "message 99"

"""Channel bindings of sockets and peers, and the trace of their handshakes."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from qtsecure import ChannelBinding, ChannelBindingError, SslConfiguration
from tests.net.conversation import spin
from tests.net.encounters import Encounter

Code = ChannelBindingError.Code


def refusal(end: Any, kind: Any) -> ChannelBindingError.Code:
    """Why there is none."""
    with pytest.raises(ChannelBindingError) as caught:
        end.channelBindingData(kind)
    return caught.value.code


def test_gio_d51_both_ends_agree(encounter: Encounter) -> None:
    """Every type, or the right reason; and asking whether it is supported has no effect."""
    encounter.listen(encounter.host(encounter.pki.server))
    client = encounter.client()
    assert all(client.supportsChannelBinding(kind) for kind in ChannelBinding)
    assert not client.supportsChannelBinding("tls-exporter")
    assert {refusal(client, kind) for kind in ChannelBinding} == {Code.InvalidState}
    encounter.visit("localhost", client)
    (peer,) = encounter.peers
    exporter = client.channelBindingData(ChannelBinding.TlsExporter)
    assert isinstance(exporter, bytes)
    assert exporter == peer.channelBindingData(ChannelBinding.TlsExporter)
    assert exporter == bytes(client.exportKeyingMaterial("EXPORTER-Channel-Binding", 32, b"").data())
    leaf = encounter.pki.server.certificate.public_bytes(Encoding.DER)
    end_point = hashlib.sha256(leaf).digest()
    for end in (client, peer):
        assert end.channelBindingData(ChannelBinding.TlsServerEndPoint) == end_point
        assert refusal(end, "tls-exporter") is Code.NotImplemented
    if encounter.kind == "1.3":
        assert refusal(client, ChannelBinding.TlsUnique) is Code.NotSupported
    else:
        unique = client.channelBindingData(ChannelBinding.TlsUnique)
        assert len(unique) == 12
        assert unique == peer.channelBindingData(ChannelBinding.TlsUnique)


def test_gio_d52_a_resumed_session(encounter: Encounter) -> None:
    """Both ends still agree, on other bytes than before."""
    encounter.listen(encounter.host(encounter.pki.server))
    first = encounter.visit("localhost")
    if encounter.kind == "1.3":
        spin(lambda: first.session() is not None)
    again = encounter.client()
    again.setSession(first.session())
    encounter.visit("localhost", again)
    assert again.isSessionReused()
    kinds = [ChannelBinding.TlsExporter] + [ChannelBinding.TlsUnique] * (encounter.kind != "1.3")
    for kind in kinds:
        bound = again.channelBindingData(kind)
        assert bound == encounter.peers[1].channelBindingData(kind)
        assert bound != first.channelBindingData(kind)


def test_group_of_the_key_exchange(encounter: Encounter) -> None:
    """The post-quantum group is first; a list of one's own counts."""
    configuration = encounter.host(encounter.pki.server)
    encounter.listen(configuration)
    default = encounter.visit("localhost").keyExchangeGroup()
    assert default == ("X25519MLKEM768" if encounter.kind == "1.3" else "x25519") or default.lower() == "x25519"
    configuration.setKeyExchangeGroups(["secp384r1"])
    encounter.listen(configuration)
    assert encounter.visit("localhost").keyExchangeGroup() == "secp384r1"
    with pytest.raises(ValueError, match=r"'X25518'.*X25519MLKEM768.*secp256r1"):
        configuration.setKeyExchangeGroups(["X25518"])
    assert SslConfiguration.supportedKeyExchangeGroups()[0] == "X25519MLKEM768"


def test_the_trace_of_a_handshake(encounter: Encounter) -> None:
    """At both ends and at the server, in both directions; off unless it is switched on."""
    encounter.listen(encounter.host(encounter.pki.server))
    seen: list[tuple[str, str, int]] = []
    forwarded: list[tuple[Any, ...]] = []
    encounter.server.handshakeMessage.connect(lambda *arguments: forwarded.append(arguments))
    quiet = encounter.client()
    quiet.handshakeMessage.connect(lambda *arguments: seen.append(arguments))
    assert not quiet.isHandshakeTraceEnabled()
    encounter.visit("localhost", quiet)
    assert seen == forwarded == []
    client = encounter.client()
    client.handshakeMessage.connect(lambda *arguments: seen.append(arguments))
    client.setHandshakeTraceEnabled(True)
    encounter.server.setHandshakeTraceEnabled(True)
    assert client.isHandshakeTraceEnabled()
    assert encounter.server.isHandshakeTraceEnabled()
    encounter.visit("localhost", client)
    assert seen[0][:2] == ("sent", "ClientHello")
    assert ("received", "ServerHello") in [entry[:2] for entry in seen]
    assert ("sent", "Finished") in [entry[:2] for entry in seen]
    assert all(size >= 4 for _, _, size in seen)
    assert [entry[1:3] for entry in forwarded][:1] == [("received", "ClientHello")]
    assert {entry[0] for entry in forwarded} == {encounter.peers[1]}
    for each in (client, encounter.server):
        with pytest.raises(TypeError):
            each.setHandshakeTraceEnabled(1)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((5, 16), TypeError, "label must be str or bytes, not int"),
        (("b\xfc", 16), ValueError, "label must be ASCII"),
        (("x" * 70_000, 16), ValueError, "at most 249 bytes"),
        (("x", True), TypeError, "length must be an int, not bool"),
        (("x", 8161), ValueError, "between 1 and 8160"),
        (("x", 16, "text"), TypeError, "context must be bytes or None, not str"),
    ],
)
def test_keying_material_that_cannot_be(
    encounter: Encounter, arguments: tuple[Any, ...], error: type[Exception], words: str
) -> None:
    """Each argument has its own sentence, and nothing of OpenSSL's gets out; the connection stands."""
    encounter.listen(encounter.host(encounter.pki.server))
    client = encounter.client()
    encounter.visit("localhost", client)
    for end in (client, encounter.peers[0]):
        with pytest.raises(error, match=words):
            end.exportKeyingMaterial(*arguments)
        if encounter.kind != "1.3":
            with pytest.raises(ValueError, match="reserved"):
                end.exportKeyingMaterial("client finished", 16)
        assert end.isEncrypted()

"""The cases of Qt's own tests of QDtlsClientVerifier (tst_qdtlscookie), in our words, over both transports.

Each docstring begins with the name of the case that the test stands for.
"""

from __future__ import annotations

import random
import socket as native

import pytest
from PySide6.QtNetwork import QUdpSocket

from qtsecure import DtlsPeer, DtlsServer
from qtsecure.engine.dtls.wire import HandshakeType
from tests.net.conversation import settle, spin
from tests.net.dtls.conversation import DtlsConversation, closeAll, connectMany
from tests.net.dtls.wires import RawClient


def test_construction(conversation: DtlsConversation) -> None:
    """construction: a fresh server has verified nobody and found nothing wrong."""
    server = DtlsServer()
    assert server.isCookieVerificationEnabled()
    statistics = server.statistics()
    assert (statistics.hellos, statistics.challenges, statistics.accepted) == (0, 0, 0)
    assert server.errorString() == ""


@pytest.mark.parametrize("address", ["", "not an address", 5, None])
def test_validate_parameters_addresses(conversation: DtlsConversation, address: object) -> None:
    """validateParameters: what is no address is refused."""
    with pytest.raises((TypeError, ValueError), match="address must be"):
        conversation.server.listen(address, 0)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("port", [-1, 65536, "1", None])
def test_validate_parameters_ports(conversation: DtlsConversation, port: object) -> None:
    """validateParameters: what is no port is refused."""
    with pytest.raises((TypeError, ValueError), match="port must be"):
        conversation.server.listen("127.0.0.1", port)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("made", [lambda: None, lambda: 5, QUdpSocket], ids=["null", "number", "unbound"])
def test_validate_parameters_sockets(conversation: DtlsConversation, made: type[QUdpSocket]) -> None:
    """validateParameters: a socket must be one, and bound."""
    with pytest.raises((TypeError, ValueError), match="udpSocket must be"):
        conversation.server.bind(made())


def test_validate_parameters_empty_datagrams(conversation: DtlsConversation) -> None:
    """validateParameters: an empty datagram is nothing at all."""
    port = conversation.listen()
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as raw:
        raw.sendto(b"", ("127.0.0.1", port))
        raw.sendto(b"x", ("127.0.0.1", port))
        spin(lambda: bool(conversation.server.statistics().dropped))
    assert conversation.server.statistics().dropped == {"unknown peer": 1}


def challenged(conversation: DtlsConversation, client: RawClient) -> list[bytes]:
    """The hello of a client with its cookie, from the server's answer to the one without."""
    before = conversation.server.statistics().challenges
    client.send(client.hello(), conversation.server.serverPort())
    spin(lambda: conversation.server.statistics().challenges == before + 1)
    answer = client.receive()
    assert answer[13] == HandshakeType.HELLO_VERIFY_REQUEST
    return client.answerTo(answer)


def test_verify_client(conversation: DtlsConversation) -> None:
    """verifyClient: a hello without cookie is challenged; with it, an association is made, once."""
    conversation.listen()
    with RawClient(conversation.clientConfiguration) as client:
        second = challenged(conversation, client)
        assert conversation.server.statistics().accepted == 0
        client.send(second, conversation.server.serverPort())
        spin(lambda: conversation.server.statistics().accepted == 1)
        assert client.receive()[13] == HandshakeType.SERVER_HELLO
        client.send(second, conversation.server.serverPort())
        settle()
        assert conversation.server.statistics().accepted == 1  # the same hello again is only repeated


def test_verify_client_by_another_verifier(conversation: DtlsConversation) -> None:
    """verifyClient: verification is stateless; a second server with the same secret lets the client in as well."""
    second = DtlsServer()
    second.setSslConfiguration(conversation.serverConfiguration)
    for server in (conversation.server, second):
        server.setCookieSecret(b"a secret of thirty-two bytes....")
    conversation.listen()
    assert second.listen("127.0.0.1", 0)
    with RawClient(conversation.clientConfiguration) as client:
        client.send(challenged(conversation, client), second.serverPort())
        spin(lambda: second.statistics().accepted == 1)
        assert second.statistics().challenges == 0
    second.close()


def test_verify_client_from_a_wrong_port(conversation: DtlsConversation) -> None:
    """verifyClient: a cookie from another port is answered with another cookie, and is no error."""
    conversation.listen()
    with RawClient(conversation.clientConfiguration) as client, RawClient(conversation.clientConfiguration) as thief:
        thief.send(challenged(conversation, client), conversation.server.serverPort())
        spin(lambda: conversation.server.statistics().challenges == 2)
        assert thief.receive()[13] == HandshakeType.HELLO_VERIFY_REQUEST
        assert client.nothingCame()
    statistics = conversation.server.statistics()
    assert statistics.accepted == 0
    assert statistics.dropped == {"bad cookie": 1}
    assert conversation.server.errorString() == ""


@pytest.mark.parametrize("secret", [b"", b"fifteen bytes.."])
def test_cookie_generator_parameters(conversation: DtlsConversation, secret: bytes) -> None:
    """cookieGeneratorParameters: an empty or short secret is refused, and the one before stays."""
    with pytest.raises(ValueError, match="at least 16 bytes"):
        conversation.server.setCookieSecret(secret)
    conversation.establish()


def test_verify_multiple_clients(conversation: DtlsConversation) -> None:
    """verifyMultipleClients: a hundred clients get in while others send noise."""
    conversation.server.setMaxPendingConnections(100)
    port = conversation.listen()
    chance = random.Random(7)
    clients: list[DtlsPeer] = []
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as noise:
        for _ in range(10):
            clients += connectMany(conversation, 10)
            for _ in range(10):
                noise.sendto(chance.randbytes(chance.randrange(1, 200)), ("127.0.0.1", port))
            settle()
        spin(lambda: all(client.isEncrypted() for client in clients), timeout=20_000)
    spin(lambda: conversation.server.statistics().encrypted == 100)
    closeAll(clients)

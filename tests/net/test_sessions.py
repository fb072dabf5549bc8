"""Sessions through sockets: given, taken, shared, refused."""

from __future__ import annotations

import copy
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable

import pytest
import shiboken6
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSsl

from qtsecure.errors import SecureError
from qtsecure.net.session_cache import SessionCache, sharedSessions
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import Protocol, SslConfiguration, TlsSession
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, Error, State, VerifyMode, settle, spin

both_versions = pytest.mark.parametrize("version", PROTOCOLS)
SHARING_OFF = QSsl.SslOption.SslOptionDisableSessionSharing


@pytest.fixture
def alone(make_conversation: MakeConversation, version: str) -> Conversation:
    """A conversation whose client resumes only what it is given."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.clientConfiguration.setSslOption(SHARING_OFF, True)
    return conversation


def hear(conversation: Conversation) -> None:
    """Let data come from the server, and with it the tickets of TLS 1.3."""
    conversation.peer.write(b"x")
    spin(lambda: conversation.client.bytesAvailable() > 0)
    conversation.client.readAll()


def kept(conversation: Conversation) -> int:
    """How many sessions with this server the process keeps."""
    place = f"127.0.0.1:{conversation.server.serverPort()}"
    return sum(len(sessions) for scope, sessions in sharedSessions._sessions.items() if scope.place == place)


def sessionOf(conversation: Conversation) -> TlsSession:
    """The session of a first connection, which is over then."""
    conversation.establish()
    hear(conversation)
    session = conversation.client.session()
    assert session is not None
    conversation.client.abort()
    conversation.waitForServerEnd()
    return session


def again(conversation: Conversation) -> bool:
    """Connect once more; whether both ends say that they have resumed."""
    conversation.establish()
    reused = conversation.client.isSessionReused()
    assert conversation.peer.isSessionReused() is reused
    return reused


# ------------------------------------------------------------------------------ given and taken


@both_versions
def test_setting_a_session(alone: Conversation, transport_mode: str) -> None:
    """The handshake is resumed on both ends, and the facts are those of the first."""
    session = sessionOf(alone)
    before = alone.client.peerCertificateChain()
    alone.client.setSession(session)
    assert again(alone)
    assert alone.client.peerCertificate() == before[0]
    assert alone.client.peerCertificateChain() == before
    assert alone.client.sslConfiguration().peerCertificateChain() == before
    assert alone.client.sslHandshakeErrors() == []
    hear(alone)


@both_versions
def test_a_session_is_for_the_next_handshake_only(alone: Conversation) -> None:
    """Afterwards the socket is as it was."""
    session = sessionOf(alone)
    alone.client.setSession(session)
    assert again(alone)
    alone.client.abort()
    assert not again(alone)


@both_versions
def test_taking_a_session_back(alone: Conversation) -> None:
    """None stands for no session."""
    alone.client.setSession(sessionOf(alone))
    alone.client.setSession(None)
    assert not again(alone)


@pytest.mark.parametrize("version", ["1.3"])
def test_new_session_ticket_received(alone: Conversation, transport_mode: str) -> None:
    """Emitted after encrypted, once for the tickets that come together, and then there is a session."""
    told: list[TlsSession | None] = []
    alone.client.newSessionTicketReceived.connect(lambda: told.append(alone.client.session()))
    alone.client.encrypted.connect(lambda: told.append(alone.client.session()))
    alone.connect()
    spin(lambda: len(told) > 1)
    settle()
    assert told == [None, alone.client.session()]
    assert alone.client.session() is not None


@pytest.mark.parametrize("version", ["1.3"])
def test_a_resumed_connection_tells_of_its_ticket(alone: Conversation) -> None:
    """Each connection brings the ticket for the next."""
    session = sessionOf(alone)
    told: list[TlsSession | None] = []
    alone.client.newSessionTicketReceived.connect(lambda: told.append(alone.client.session()))
    alone.client.setSession(session)
    alone.connect()
    spin(lambda: bool(told))
    assert alone.client.isSessionReused()
    assert told[0] not in (None, session)


@pytest.mark.parametrize("version", ["1.2"])
def test_no_signal_in_tls_1_2(alone: Conversation) -> None:
    """As with Qt: the session is there with encrypted."""
    told: list[int] = []
    sessions: list[TlsSession | None] = []
    alone.client.newSessionTicketReceived.connect(lambda: told.append(1))
    alone.client.encrypted.connect(lambda: sessions.append(alone.client.session()))
    alone.establish()
    hear(alone)
    assert told == []
    assert sessions == [alone.client.session()]
    assert sessions[0] is not None


@pytest.mark.parametrize("version", ["1.3"])
@pytest.mark.parametrize("what", ["abort", "delete", "reconnect", "disconnectFromHost"])
def test_slots_of_the_signal_may_do_anything(alone: Conversation, what: str, transport_mode: str) -> None:
    """Also end the connection while its data is on the way."""
    client = alone.client
    told: list[int] = []

    def slot() -> None:
        told.append(1)
        if len(told) > 1:
            return
        if what == "abort":
            client.abort()
        elif what == "delete":
            shiboken6.delete(client)
        elif what == "disconnectFromHost":
            client.disconnectFromHost()
        else:
            client.abort()
            client.connectToHostEncrypted("127.0.0.1", alone.server.serverPort())

    client.newSessionTicketReceived.connect(slot)
    alone.listen()
    alone.server.pendingConnectionAvailable.connect(lambda: alone.server.nextPendingConnection().write(b"data"))
    alone.connect()
    spin(lambda: bool(told))
    if what == "reconnect":
        spin(lambda: client.bytesAvailable() == 4)
        assert len(told) == 2
    settle()


@both_versions
@pytest.mark.parametrize("ending", ["delete", "peer aborts", "disconnectFromHost"])
def test_however_the_first_connection_ends(alone: Conversation, ending: str) -> None:
    """A session outlives its connection."""
    alone.establish()
    hear(alone)
    session = alone.client.session()
    if ending == "delete":
        shiboken6.delete(alone.client)
        alone.client = SslSocket()
    elif ending == "peer aborts":
        alone.peer.abort()
        alone.waitForClientEnd()
        assert alone.client.session() == session
    else:
        alone.client.disconnectFromHost()
        alone.waitForClientEnd()
    alone.client.setSslConfiguration(alone.clientConfiguration)
    alone.client.setSession(session)
    assert again(alone)


@both_versions
def test_stored_and_restored(alone: Conversation) -> None:
    """Bytes survive the process; another socket with an equal configuration takes them."""
    stored = sessionOf(alone).toBytes()
    alone.client = SslSocket()
    alone.client.setSslConfiguration(alone.clientConfiguration)
    session = TlsSession.fromBytes(stored)
    assert session.toBytes() == stored
    assert TlsSession.fromBytes(QByteArray(stored)) == session  # as QSettings returns it
    alone.client.setSession(session)
    assert again(alone)


@both_versions
def test_the_sockets_of_a_server_have_no_session(alone: Conversation) -> None:
    """Its tickets are with the clients."""
    alone.establish()
    hear(alone)
    assert alone.peer.session() is None


@both_versions
def test_no_session_after_ignored_errors(alone: Conversation) -> None:
    """Whoever ignores errors does so for one connection."""
    alone.showServer(alone.pki.expired)
    alone.client.sslErrors.connect(lambda _: alone.client.ignoreSslErrors())
    alone.establish()
    hear(alone)
    assert alone.client.session() is None


# --------------------------------------------------------------------------------------- refused


@both_versions
def test_another_configuration_is_refused_when_it_is_set(alone: Conversation) -> None:
    """With a sentence, and the socket stays without a session."""
    session = sessionOf(alone)
    other = SslConfiguration(alone.clientConfiguration)
    other.setPeerVerifyMode(VerifyMode.QueryPeer)
    alone.client.setSslConfiguration(other)
    with pytest.raises(SecureError, match="another configuration"):
        alone.client.setSession(session)
    alone.clientConfiguration = other
    assert not again(alone)


@both_versions
@pytest.mark.parametrize("what", ["host", "verify name"])
def test_another_peer_is_refused_when_connecting(alone: Conversation, what: str) -> None:
    """Nothing of TLS goes on the wire; the next attempt is a plain one."""
    alone.client.setSession(sessionOf(alone))
    if what == "host":
        alone.connect("localhost")
    else:
        alone.client.connectToHostEncrypted("127.0.0.1", alone.server.serverPort(), "localhost")
    spin(lambda: alone.client.state() == State.UnconnectedState)
    assert alone.client.error() == Error.SslInvalidUserDataError
    assert "The TLS session cannot be used here: it belongs to '127.0.0.1'" in alone.client.errorString()
    alone.client.setPeerVerifyName("")
    assert not again(alone)


@both_versions
def test_another_peer_is_refused_when_it_is_known(alone: Conversation) -> None:
    """With STARTTLS the peer is known when the session is set."""
    session = sessionOf(alone)
    alone.client.connectToHost("127.0.0.1", alone.server.serverPort())
    spin(lambda: alone.client.state() == State.ConnectedState)
    alone.client.setPeerVerifyName("localhost")
    with pytest.raises(SecureError, match=r"belongs to '127\.0\.0\.1', not to 'localhost'"):
        alone.client.setSession(session)
    alone.client.setPeerVerifyName("")
    alone.client.setSession(session)
    alone.client.startClientEncryption()
    spin(alone.client.isEncrypted)
    assert alone.client.isSessionReused()


def test_wrong_types(qapp: object) -> None:
    """Programming mistakes raise at once."""
    with pytest.raises(TypeError, match="session must be a TlsSession or None, not bytes"):
        SslSocket().setSession(b"session")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError, match="session must come from a socket"):
        TlsSession(b"session")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError, match="data must be bytes"):
        TlsSession.fromBytes("session")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(SecureError, match="no TLS session"):
        TlsSession.fromBytes(b"session")


@pytest.mark.parametrize("version", ["1.3"])
def test_the_value(alone: Conversation) -> None:
    """Comparable, copyable, silent, and not for pickle."""
    session = sessionOf(alone)
    assert session == TlsSession.fromBytes(session.toBytes())
    assert hash(session) == hash(TlsSession.fromBytes(session.toBytes()))
    assert session != sessionOf(alone)
    assert session != "session"
    assert copy.deepcopy(session) is copy.copy(session) is session
    assert repr(session) == "<TlsSession TlsV1_3 with 127.0.0.1>"
    assert session.peerVerifyName() == "127.0.0.1"
    assert session.protocol() is Protocol.TlsV1_3
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(session)


# ---------------------------------------------------------------------------------------- shared


@both_versions
def test_sockets_of_a_process_share_their_sessions(
    make_conversation: MakeConversation, version: str, transport_mode: str
) -> None:
    """Without being asked to; no signal and no fact is different."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.establish()
    hear(conversation)
    chain = conversation.client.peerCertificateChain()
    conversation.client.abort()
    first = conversation.story("client")
    for _ in range(3):
        conversation.recorder.clear()
        assert again(conversation)
        hear(conversation)
        assert conversation.client.peerCertificateChain() == chain
        conversation.client.abort()
        assert conversation.story("client") == first
    conversation.client = SslSocket()
    assert again(conversation)


@both_versions
@pytest.mark.parametrize(
    "case", ["sharing off", "tickets off", "query", "none", "ignored", "pre-shared keys", "other host", "other trust"]
)
def test_what_is_not_shared(make_conversation: MakeConversation, version: str, case: str) -> None:
    """Whatever was not verified whole, or differs in anything that decides trust."""
    conversation = make_conversation(PROTOCOLS[version])
    configuration = conversation.clientConfiguration
    client = conversation.client
    if case == "sharing off":
        configuration.setSslOption(SHARING_OFF, True)
    elif case == "tickets off":
        configuration.setSessionTicketsEnabled(False)
    elif case in ("query", "none"):
        configuration.setPeerVerifyMode(VerifyMode.QueryPeer if case == "query" else VerifyMode.VerifyNone)
    elif case == "ignored":
        conversation.showServer(conversation.pki.expired)
        client.sslErrors.connect(lambda _: client.ignoreSslErrors())
    elif case == "pre-shared keys":
        client.preSharedKeyAuthenticationRequired.connect(lambda _: None)
    conversation.establish()
    hear(conversation)
    client.abort()
    if case == "other host":
        client.setPeerVerifyName("localhost")
    elif case == "other trust":
        configuration.addCaCertificate(conversation.pki.otherCa.certificate)
    else:
        assert kept(conversation) == 0
    assert not again(conversation)


@both_versions
def test_a_failure_empties_the_cache(make_conversation: MakeConversation, version: str) -> None:
    """A server that has trouble with resuming is not asked for it again."""
    conversation = make_conversation(PROTOCOLS[version])
    conversation.establish()
    hear(conversation)
    conversation.client.abort()
    assert kept(conversation) == 1
    conversation.showServer(conversation.pki.expired)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    conversation.connect()
    conversation.waitForClientEnd()
    assert kept(conversation) == 0


def test_the_cache(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Bounded, newest first; tickets of TLS 1.3 once, sessions of TLS 1.2 again and again."""
    from dataclasses import replace

    from tests.engine.support import Pair, client_configuration, server_configuration

    made = {}
    for version in ("1.2", "1.3"):
        pair = Pair(
            client_configuration([qtsecure_pki.ca.certificate], version),
            server_configuration(qtsecure_pki.server, version),
        ).established()
        pair.say(b"x", from_server=True)
        made[version] = pair.client.stream.session()
    old, new = made["1.2"], made["1.3"]
    assert old is not None
    assert new is not None
    cache = SessionCache()
    assert cache.empty
    assert cache.take(new.scope) is None
    tickets = [replace(new, identifier=bytes([number])) for number in range(6)]
    for ticket in tickets:
        cache.put(ticket)
    assert not cache.empty
    assert [cache.take(new.scope) for _ in range(5)] == [*tickets[:1:-1], None]
    assert cache.empty
    cache.put(old)
    cache.put(old)
    assert len(cache) == 1
    assert [cache.take(old.scope) for _ in range(3)] == [old] * 3
    for number in range(300):
        cache.put(replace(new, scope=replace(new.scope, place=str(number))))
    assert len(cache) == 256
    assert cache.take(old.scope) is None
    assert cache.take(replace(new.scope, place="299")) is not None
    cache.forget(replace(new.scope, place="298"))
    assert cache.take(replace(new.scope, place="298")) is None


def test_the_cache_serves_threads(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """No ticket is given away twice."""
    from dataclasses import replace

    from tests.engine.support import Pair, client_configuration, server_configuration

    pair = Pair(
        client_configuration([qtsecure_pki.ca.certificate], "1.3"), server_configuration(qtsecure_pki.server, "1.3")
    ).established()
    pair.say(b"x", from_server=True)
    session = pair.client.stream.session()
    assert session is not None
    cache = SessionCache()
    taken: list[list[bytes]] = [[] for _ in range(4)]

    def work(number: int) -> None:
        for step in range(500):
            cache.put(replace(session, identifier=b"%d:%d" % (number, step)))
            found = cache.take(session.scope)
            if found is not None:
                taken[number].append(found.identifier)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    everything = [identifier for part in taken for identifier in part]
    assert len(everything) == len(set(everything))
    assert len(everything) > 1000


@pytest.mark.parametrize("inner", ["put", "take", "forget"])
@pytest.mark.parametrize("outer", ["put", "take", "forget", "count"])
@pytest.mark.parametrize("version", PROTOCOLS)
def test_the_cache_is_entered_again_in_the_same_thread(
    qtsecure_pki: PublicKeyInfrastructure, version: str, outer: str, inner: str
) -> None:
    """A finalizer that the garbage collector runs inside it, or a signal's handler, may connect: it does not wait."""
    from tests.engine.support import Pair, client_configuration, server_configuration

    pair = Pair(
        client_configuration([qtsecure_pki.ca.certificate], version), server_configuration(qtsecure_pki.server, version)
    ).established()
    pair.say(b"x", from_server=True)
    session = pair.client.stream.session()
    assert session is not None
    cache = SessionCache()
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: cache.put(session),
        "take": lambda: cache.take(session.scope),
        "forget": lambda: cache.forget(session.scope),
        "count": lambda: len(cache),
    }
    interruptions: list[str] = []

    class Interrupted(OrderedDict[object, object]):
        """Python's eyes are on something else before each step."""

        def __getattribute__(self, name: str) -> object:
            interrupt()
            return super().__getattribute__(name)

        def __setitem__(self, key: object, value: object) -> None:
            interrupt()
            super().__setitem__(key, value)

        def __len__(self) -> int:
            interrupt()
            return super().__len__()

    def interrupt() -> None:
        if not inside:
            inside.append(True)
            interruptions.append(inner)
            calls[inner]()
            inside.clear()

    inside: list[bool] = [True]
    results: list[object] = []

    def work() -> None:
        cache.put(session)
        vars(cache)["_sessions"] = Interrupted(cache._sessions)
        inside.clear()
        calls[outer]()
        inside.append(True)
        cache.put(session)
        results.extend([cache.empty, len(cache) > 0, cache.take(session.scope)])

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert interruptions
    assert results == [False, True, session]

"""R28: secrets appear in no text, no pickle and no object, and keys are overwritten after use."""

from __future__ import annotations

import base64
import contextlib
import copy
import gc
import hashlib
import logging
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, qInstallMessageHandler
from PySide6.QtNetwork import QHostAddress, QTcpServer

import qtsecure
from qtsecure import PreSharedKeyAuthenticator, SecureError, SslConfiguration, SslSocket, TlsOptions
from qtsecure.engine.certificates import Credentials, load_private_key
from qtsecure.engine.configuration import VerifyMode as EngineVerifyMode
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.psk import PreSharedKey
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import Pair, client_configuration, server_configuration
from tests.figures import Figure
from tests.net.conversation import PROTOCOLS, Conversation, VerifyMode, settle, spin
from tests.net.dtls.conversation import DtlsConversation

pytestmark = pytest.mark.figure("R28")

IDENTITY = b"somebody"


def make_secret() -> bytearray:
    """The key, computed anew each time, so that the test itself keeps no copy."""
    return bytearray(hashlib.sha256(b"canary").digest())


def forms(secret: bytes | bytearray) -> list[str]:
    """How a key could look in a text."""
    raw = bytes(secret)
    return [raw.hex(), raw.hex(" "), base64.b64encode(raw).decode(), repr(raw)[2:-1], repr(list(raw))[1:-1], str(raw)]


def hits(text: str, secret: bytes | bytearray) -> list[str]:
    """What of a secret a text gives away."""
    low = text.lower()
    return [form for form in forms(secret) if form.lower() in low]


class Everything:
    """Collects texts from wherever a program could show them."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, *things: object) -> None:
        for thing in things:
            with contextlib.suppress(RuntimeError):  # a QObject that is gone
                self.texts += [repr(thing), str(thing), f"{thing}", ascii(thing)]
            slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
            for name in (*slots, *getattr(thing, "__dict__", {})):
                with contextlib.suppress(AttributeError, RuntimeError):
                    self.texts.append(repr(getattr(thing, name)))

    def addError(self, call: Callable[[], object]) -> None:
        """A call that raises, with its traceback."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever it is, its text is looked at
            self.texts += ["".join(traceback.format_exception(error)), repr(error), str(error), repr(error.args)]
        else:
            raise AssertionError("That should have raised.")

    def leaks(self, secret: bytes | bytearray) -> list[str]:
        return sorted({f"{form} in {text[:200]}" for text in self.texts for form in hits(text, secret)})


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture, qapp: object) -> Iterator[Everything]:
    """A collection that also has the log and Qt's messages."""
    collected = Everything()
    caplog.set_level(logging.DEBUG)
    before = qInstallMessageHandler(lambda kind, context, text: collected.texts.append(text))
    yield collected
    qInstallMessageHandler(before)
    collected.texts.append(caplog.text)


@pytest.fixture
def conversation(qapp: object, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Conversation]:
    made = Conversation(qtsecure_pki)
    yield made
    made.close()


def useKeys(conversation: Conversation, everything: Everything, version: str, *, wrong: bool = False) -> None:
    """Let both ends use the key, and look at everything inside the slots."""
    conversation.serverConfiguration = SslConfiguration()
    for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
        configuration.setPeerVerifyMode(VerifyMode.VerifyNone)
        configuration.setProtocol(PROTOCOLS[version])

    def give(authenticator: PreSharedKeyAuthenticator, *, client: bool) -> None:
        if client:
            authenticator.setIdentity(IDENTITY)
        secret = make_secret()
        if wrong and client:
            secret.reverse()
        authenticator.setPreSharedKey(secret)
        secret[:] = bytes(len(secret))
        everything.texts += [repr(authenticator), str(authenticator), f"{authenticator}"]
        everything.add(conversation.client, conversation.client._dataPath.stream)
        everything.addError(lambda: authenticator.setPreSharedKey(make_secret() * 100))
        everything.addError(lambda: authenticator.setPreSharedKey(make_secret().hex()))  # type: ignore[arg-type]  # the mistake under test
        everything.addError(lambda: pickle.dumps(authenticator))
        everything.addError(lambda: copy.copy(authenticator))
        everything.addError(lambda: copy.deepcopy(authenticator))

    conversation.client.preSharedKeyAuthenticationRequired.connect(lambda a: give(a, client=True))
    conversation.server.preSharedKeyAuthenticationRequired.connect(lambda _, a: give(a, client=False))


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_pre_shared_keys(
    conversation: Conversation,
    everything: Everything,
    capfd: pytest.CaptureFixture[str],
    figure: Figure,
    version: str,
    wrong: bool,
) -> None:
    """A handshake that succeeds and one that fails: no text has the key, and no object holds it afterwards."""
    useKeys(conversation, everything, version, wrong=wrong)
    if wrong:
        conversation.connect()
        conversation.waitForClientEnd()
    else:
        peer = conversation.establish()
        everything.add(peer, peer._dataPath, peer._dataPath.stream, peer.sslConfiguration(), peer.sessionCipher())
    client = conversation.client
    everything.add(client, client._dataPath, client._dataPath.stream, client.sslConfiguration(), client.errorString())
    everything.add(conversation.server, conversation.server.sslConfiguration())
    everything.add(*[record.args for record in conversation.recorder.records()])
    settle()
    printed = capfd.readouterr()
    everything.texts += [printed.out, printed.err]
    found = everything.leaks(make_secret())
    kept = holders()
    figure.none("texts with a key", len(found), len(everything.texts), f"TLS {version}")
    figure.none("objects with a key", kept, len(gc.get_objects()), f"TLS {version}")
    assert found == []


@pytest.mark.parametrize("wrong", [False, True])
def test_pre_shared_keys_over_datagrams(
    qapp: object,
    qtsecure_pki: PublicKeyInfrastructure,
    everything: Everything,
    figure: Figure,
    wrong: bool,
) -> None:
    """The same for the peers of DTLS; a wrong key is a silence, which the client ends."""
    conversation = DtlsConversation(qtsecure_pki)
    conversation.serverConfiguration = SslConfiguration()
    for configuration in (conversation.serverConfiguration, conversation.clientConfiguration):
        configuration.setPeerVerifyMode(VerifyMode.VerifyNone)
    asked: list[str] = []

    def give(authenticator: PreSharedKeyAuthenticator, who: str) -> None:
        asked.append(who)
        if who == "client":
            authenticator.setIdentity(IDENTITY)
        secret = make_secret()
        if wrong and who == "client":
            secret.reverse()
        authenticator.setPreSharedKey(secret)
        secret[:] = bytes(len(secret))
        path = conversation.client._path
        everything.texts += [repr(authenticator), str(authenticator), f"{authenticator}"]
        everything.add(conversation.client, path, path.association if path is not None else None)
        everything.addError(lambda: pickle.dumps(authenticator))

    conversation.client.preSharedKeyAuthenticationRequired.connect(lambda key: give(key, "client"))
    conversation.server.preSharedKeyAuthenticationRequired.connect(lambda peer, key: give(key, "server"))
    if wrong:
        conversation.connect()
        spin(lambda: "server" in asked)
        conversation.client.abort()
    else:
        peer = conversation.establish()
        assert peer._path is not None
        everything.add(peer, peer._path, peer._path.association, peer.sslConfiguration())
    client = conversation.client
    everything.add(client, client.sslConfiguration(), client.errorString(), conversation.server)
    everything.add(*[record.args for record in conversation.recorder.records()])
    conversation.close()
    settle()
    found = everything.leaks(make_secret())
    kept = holders()
    figure.none("texts with a key", len(found), len(everything.texts), "DTLS 1.2")
    figure.none("objects with a key", kept, len(gc.get_objects()), "DTLS 1.2")
    assert asked[:2] == ["client", "server"]
    assert found == []


def test_an_aborted_handshake_keeps_no_key(conversation: Conversation, everything: Everything) -> None:
    """Nor does a socket that lives on after abort(), which ends the engine's work in the middle."""
    useKeys(conversation, everything, "1.3")
    silent = QTcpServer()
    assert silent.listen(QHostAddress.SpecialAddress.LocalHost)
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", silent.serverPort())
    spin(lambda: client._dataPath.stream is not None)  # the key is needed for the first message
    assert holders() > 0
    client.abort()
    everything.add(client, client._dataPath, client._dataPath.stream)
    settle()
    assert everything.leaks(make_secret()) == []
    assert holders() == 0


def holders() -> int:
    """How many objects of Python contain the key."""
    gc.collect()
    needles = [bytes(make_secret()), bytes(make_secret()[::-1])]
    ours = {id(needle) for needle in needles}
    count = 0
    for container in gc.get_objects():
        for held in gc.get_referents(container):
            if isinstance(held, (bytes, bytearray, QByteArray)) and id(held) not in ours:
                raw = bytes(held.data()) if isinstance(held, QByteArray) else held
                count += any(needle in raw for needle in needles)
    return count


def test_a_holder_is_found() -> None:
    """The search above can find something."""
    kept = [bytes(make_secret())]
    assert holders() >= 1
    assert hits(f"a text with {kept[0]!r} in it", make_secret())
    assert hits(kept[0].hex().upper(), make_secret())


class Owner(HandshakeDecisions):
    """Gives the key in the engine's own terms."""

    def __init__(self) -> None:
        self.given: list[bytearray] = []

    def _key(self) -> PreSharedKey:
        key = PreSharedKey(IDENTITY, make_secret())
        self.given.append(key.key)
        return key

    def psk_for_server(self, hint: bytes) -> PreSharedKey:
        return self._key()

    def psk_for_client(self, identity: bytes) -> PreSharedKey:
        return self._key()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("outcome", ["success", "closed early", "ended early", "garbage"])
def test_the_engine_overwrites_keys(everything: Everything, figure: Figure, version: str, outcome: str) -> None:
    """In place, however the handshake ends; the object itself is safe to show."""
    fields = {"psk_enabled": True, "tls12_ciphers": ("ECDHE-PSK-CHACHA20-POLY1305",)}
    owners = Owner(), Owner()
    pair = Pair(
        client_configuration((), version, verify_mode=EngineVerifyMode.NONE, **fields),  # type: ignore[arg-type]  # fields of any kind
        server_configuration(None, version, **fields),  # type: ignore[arg-type]  # fields of any kind
        client_decisions=owners[0],
        server_decisions=owners[1],
    )
    if outcome == "success":
        pair.established()
    else:
        pair.start()
        pair.server.stream.receive(pair.client.take())
        pair.client.stream.receive(pair.server.take()[:-1])
        for side in pair.sides:
            if outcome == "closed early":
                side.stream.close()
            elif outcome == "ended early":
                side.stream.receive_end()
            else:
                side.stream.receive(b"\x16\x03\x03\x00\x05garbage" * 10)
    for side in pair.sides:
        everything.add(side.stream, *side.events)
        assert isinstance(side.stream, TlsStream)
    given = [key for owner in owners for key in owner.given]
    assert given or (version == "1.2" and outcome != "success")  # which asks later
    figure.none("keys not overwritten", sum(any(key) for key in given), len(given), f"TLS {version}, {outcome}")
    key = PreSharedKey(IDENTITY, make_secret())
    everything.texts.append(repr(key))
    everything.addError(lambda: pickle.dumps(key))
    everything.addError(lambda: copy.deepcopy(key))
    assert everything.leaks(make_secret()) == []


def test_private_keys_and_passphrases(everything: Everything, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Configurations, options, credentials, and what they raise."""
    passphrase = "Canary-Passphrase-42"
    certificate = qtsecure_pki.server
    pem = certificate.keyPem()
    encrypted = certificate.keyPem(passphrase.encode())
    number = certificate.privateKey.private_numbers().private_value  # type: ignore[union-attr] # an EC key
    configuration = SslConfiguration.forServer(certificate.chain, encrypted, passphrase)
    options = TlsOptions.server(pem, certificate.chain)
    credentials = Credentials(certificate.chain, certificate.privateKey)
    engine = configuration.toEngine("server", pskEnabled=False)
    socket = SslSocket()
    socket.setSslConfiguration(configuration)
    everything.add(configuration, configuration._settings, configuration._settings.privateKey, options, credentials)
    everything.add(engine, socket, certificate, configuration.privateKey())
    for each in (configuration, options, credentials, engine, configuration._settings):
        everything.addError(lambda each=each: pickle.dumps(each))  # type: ignore[misc] # mypy and the default
    for wrong in (f"{passphrase}-wrong", ""):
        everything.addError(lambda wrong=wrong: SslConfiguration().setPrivateKey(encrypted, wrong))  # type: ignore[misc]  # mypy and the default
        everything.addError(lambda wrong=wrong: load_private_key(encrypted, wrong))  # type: ignore[misc]  # mypy and the default
    other = SslConfiguration()
    other.setLocalCertificate(qtsecure_pki.client.certificate)
    everything.addError(lambda: other.setPrivateKey(pem))
    everything.addError(lambda: other.setPrivateKey(pem[:-60] + b"damaged"))
    text = "\n".join(everything.texts)
    assert passphrase not in text
    assert not any(line in text for line in pem.decode().splitlines()[1:-1])
    assert str(number) not in text
    assert f"{number:x}" not in text.lower()


def test_identities_and_errors(everything: Everything) -> None:
    """A SecureError has no secrets, and its arguments are its sentence."""
    error = SecureError(SecureError.Code.BadCertificatePassword, "sentence")
    everything.add(error)
    assert pickle.loads(pickle.dumps(error.args)) == ("sentence",)


PROGRAM = """
import hashlib, re
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.configuration import VerifyMode as EngineVerifyMode
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.psk import PreSharedKey
from tests.engine.dtls.support import Network, for_datagrams
from tests.engine.support import Pair, client_configuration, server_configuration

def secret():
    return bytearray(hashlib.sha256(b"another canary").digest())

class Owner(HandshakeDecisions):
    def psk_for_server(self, hint):
        return PreSharedKey(b"somebody", secret())
    def psk_for_client(self, identity):
        return PreSharedKey(b"somebody", secret())

fields = dict(psk_enabled=True, tls12_ciphers=("ECDHE-PSK-CHACHA20-POLY1305",))
dtls = {version!r} == "DTLS 1.2"
kind, adapt, version = (Network, for_datagrams, None) if dtls else (Pair, lambda it: it, {version!r}[-3:])
pair = kind(
    adapt(client_configuration((), version, verify_mode=VerifyMode.NONE, **fields)),
    adapt(server_configuration(None, version, **fields)),
    client_decisions=Owner(),
    server_decisions=Owner(),
).established()
assert pair.say(b"hello") in (b"hello", [b"hello"])
{keep}

def copies():
    # Found piece by piece, so that the search has no whole copy itself.
    first, rest = secret()[:8], bytes(byte ^ 255 for byte in secret()[8:])
    found = 0
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            where, rights = line.split()[:2]
            if not rights.startswith("rw") or "[v" in line:
                continue
            start, end = (int(part, 16) for part in where.split("-"))
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            position = content.find(first)
            while position >= 0:
                found += bytes(byte ^ 255 for byte in content[position + 8 : position + 32]) == rest
                position = content.find(first, position + 1)
    return found

print(copies())
"""


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux shows a process its own memory")
@pytest.mark.parametrize("version", ["TLS 1.2", "TLS 1.3", "DTLS 1.2"])
def test_memory_of_the_process(version: str, figure: Figure) -> None:
    """After the handshake the key is nowhere in memory, neither in Python's nor in OpenSSL's."""

    def run(keep: str) -> int:
        program = PROGRAM.format(version=version, keep=keep)
        root = Path(qtsecure.__file__).parent.parent
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    assert run("kept = secret()") >= 1  # the search finds what is there
    found = run("")
    figure.none("copies of a key in the memory of the process", found, 1, version)

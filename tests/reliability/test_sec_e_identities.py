"""The catalogue of identities and sessions (sec-E1 to sec-E19), each case over TLS 1.2, TLS 1.3 and DTLS 1.2.

What concerns virtual hosts (E14, E15) is in tests/engine/test_virtual_hosts.py, channel bindings (E19) are
in tests/engine/test_channel_bindings.py, and secrets in texts (E16) in test_r28_secrets.py.
"""

from __future__ import annotations

import copy
import dataclasses
import gc
import os
import pickle
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import qInstallMessageHandler

from qtsecure import PreSharedKeyAuthenticator, SslConfiguration
from qtsecure.engine import contexts
from qtsecure.engine.ciphers import PSK_TLS12_CIPHERS
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.events import FailureKind
from qtsecure.engine.keylog import KeyLog
from qtsecure.engine.psk import PskHash
from qtsecure.errors import SecureError
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network
from tests.engine.hosts import ANY_VERSION, AnyVersion, of_version
from tests.engine.support import Pair, Recorder, client_configuration, credentials, server_configuration

Pki = PublicKeyInfrastructure
any_version = pytest.mark.parametrize("version", ANY_VERSION)
IDENTITY, KEY = b"somebody", bytes(range(32))
PSK: dict[str, Any] = {"psk_enabled": True, "tls12_ciphers": PSK_TLS12_CIPHERS}


def both(version: AnyVersion, client: Any, server: Any, **options: Any) -> Any:
    """A handshake of one version, whatever comes of it."""
    kind: Any = Network if version == "dtls" else Pair
    return kind(of_version(client, version), of_version(server, version), **options).handshake()


def streams(pair: Any) -> tuple[Any, Any]:
    """The client's and the server's stream or association."""
    if isinstance(pair, Network):
        return pair.client.association, pair.server.association
    return pair.client.stream, pair.server.stream


def with_keys(version: AnyVersion, client_key: Any = (IDENTITY, KEY), server_keys: Any = None, **options: Any) -> Any:
    """Two ends that have nothing but keys."""
    return both(
        version,
        client_configuration((), verify_mode=VerifyMode.NONE, **PSK),
        server_configuration(None, **PSK),
        client_decisions=Recorder(client_key=client_key, psk_hash=options.get("client_hash", PskHash.SHA256)),
        server_decisions=Recorder(
            server_keys={IDENTITY: KEY} if server_keys is None else server_keys,
            psk_hash=options.get("server_hash", PskHash.SHA256),
        ),
    )


def trusting(pki: Pki, **fields: Any) -> Any:
    """A client that trusts the authority of the tests."""
    return client_configuration([pki.ca.certificate], **fields)


# ------------------------------------------------------------------------------ pre-shared keys


@any_version
def test_sec_e01_unknown_identity(version: AnyVersion) -> None:
    """unknown_psk_identity up to 1.2; TLS 1.3 says no more than handshake_failure."""
    pair = with_keys(version, (b"stranger", KEY))
    assert pair.client.alerts_received == [40 if version == "1.3" else 115]


@any_version
def test_sec_e02_wrong_key(version: AnyVersion) -> None:
    """With an alert, and words that mention the keys; DTLS finds out from the repetitions."""
    pair = with_keys(version, (IDENTITY, KEY[::-1]))
    assert pair.client.alerts_received == [{"1.2": 20, "1.3": 51, "dtls": 20}[version]]
    assert "key" in pair.client.failure.message


@any_version
@pytest.mark.parametrize("client_key", [None, (b"", KEY), (IDENTITY, b"")], ids=["none", "no identity", "no key"])
def test_sec_e03_nothing_to_offer(version: AnyVersion, client_key: Any) -> None:
    """Fail closed."""
    pair = with_keys(version, client_key, {IDENTITY: KEY, b"": KEY})
    assert not pair.client.completed
    assert not pair.server.completed


@any_version
def test_sec_e04_values_that_do_not_fit(version: AnyVersion) -> None:
    """Refused by the setters, and by the engine before they reach a buffer."""
    authenticator = PreSharedKeyAuthenticator.forClient(b"")
    for identity in (b"i" * 256, b"i" * 10_000):
        with pytest.raises(ValueError, match="255"):
            authenticator.setIdentity(identity)
        assert not with_keys(version, (identity, KEY), {identity: KEY}).client.completed
    for key in (b"k" * 513, b"k" * 100_000):
        with pytest.raises(ValueError, match="512"):
            authenticator.setPreSharedKey(key)
        assert not with_keys(version, (IDENTITY, key), {IDENTITY: key}).client.completed
    assert with_keys(version, (b"i" * 255, b"k" * 512), {b"i" * 255: b"k" * 512}).client.completed


@any_version
def test_sec_e05_a_nul_in_the_identity(version: AnyVersion) -> None:
    """Whole in TLS 1.3; refused before, where it would be cut off."""
    pair = with_keys(version, (b"sen\0sor", KEY), {b"sen\0sor": KEY, b"sen": KEY})
    assert pair.client.completed is (version == "1.3")


@any_version
@pytest.mark.parametrize("algorithm", list(PskHash))
def test_sec_e06_keys_of_both_hashes(version: AnyVersion, algorithm: PskHash) -> None:
    """A TLS 1.3 server does not drop a SHA-256 key because it likes a SHA-384 suite better."""
    pair = with_keys(version, client_hash=algorithm, server_hash=algorithm)
    assert pair.client.completed
    assert all(stream.psk_used() for stream in streams(pair))


def test_sec_e07_hashes_that_differ() -> None:
    """Only TLS 1.3 ties a key to a hash."""
    pair = with_keys("1.3", client_hash=PskHash.SHA256, server_hash=PskHash.SHA384)
    assert not pair.client.completed
    assert not pair.server.completed


@any_version
def test_sec_e08_a_certificate_instead_of_the_key(pki: Pki, version: AnyVersion) -> None:
    """Nothing would prove who the server is."""
    client = client_configuration((), verify_mode=VerifyMode.NONE, **{**PSK, "tls12_ciphers": _EVERY})
    pair = both(
        version,
        client,
        server_configuration(pki.server),
        client_decisions=Recorder(client_key=(IDENTITY, KEY)),
    )
    assert not pair.client.completed
    assert pair.client.failure.kind is FailureKind.PSK_NOT_USED


_EVERY = (*PSK_TLS12_CIPHERS, "ECDHE-ECDSA-AES256-GCM-SHA384")


# --------------------------------------------------------------------------------------- sessions


@any_version
def test_sec_e09_nothing_is_resumed_after_ignored_errors(pki: Pki, version: AnyVersion) -> None:
    """There is no session; all other confusions are in R15."""
    client, server = trusting(pki), server_configuration(pki.unknownCa)
    pair = both(version, client, server, client_answer="accept")
    assert pair.client.completed
    pair.say(b"ticket", from_server=True)
    assert streams(pair)[0].session() is None


@any_version
def test_sec_e10_a_ticket_is_there_when_it_is_there(pki: Pki, version: AnyVersion) -> None:
    """In TLS 1.3 after the first data, and each ticket for one use."""
    client, server = trusting(pki), server_configuration(pki.server)
    pair = both(version, client, server)
    assert (streams(pair)[0].session() is None) is (version == "1.3")
    pair.say(b"ticket", from_server=True)
    session = streams(pair)[0].session()
    again = both(version, client, server, session=session)
    assert streams(again)[0].session_reused()
    if version == "1.3":
        assert streams(again)[0].session() is None  # the used one is no answer
        again.say(b"ticket", from_server=True)
        assert streams(again)[0].session().identifier != session.identifier


@any_version
def test_sec_e11_a_connection_that_is_dropped_spoils_no_session(pki: Pki, version: AnyVersion) -> None:
    """OpenSSL marks its own as not resumable when it is freed without close_notify."""
    client, server = trusting(pki), server_configuration(pki.server)
    pair = both(version, client, server)
    pair.say(b"ticket", from_server=True)
    session = streams(pair)[0].session()
    del pair
    gc.collect()
    assert streams(both(version, client, server, session=session))[0].session_reused()


@any_version
def test_sec_e12_servers_that_ask_for_certificates(pki: Pki, version: AnyVersion) -> None:
    """Without an id context OpenSSL ends every attempt to resume with internal_error."""
    server = server_configuration(pki.server, verify_mode=VerifyMode.QUERY)
    for own in (None, credentials(pki.client)):
        client = trusting(pki, credentials=own)
        pair = both(version, client, server)
        pair.say(b"ticket", from_server=True)
        session = streams(pair)[0].session()
        again = both(version, client, server, session=session)
        assert again.client.completed
        assert again.server.completed
        if own is not None:
            assert not streams(again)[1].session_reused()
            assert streams(again)[1].peer_certificates()


@any_version
def test_sec_e13_no_application_protocol_in_common(pki: Pki, version: AnyVersion) -> None:
    """Alert 120, and a sentence; DTLS goes on without one, as in Gio."""
    pair = both(
        version,
        trusting(pki, alpn_protocols=(b"a",)),
        server_configuration(pki.server, alpn_protocols=(b"b",)),
    )
    if version == "dtls":
        assert pair.client.completed
        assert pair.server.completed
        assert [stream.negotiated_protocol() for stream in streams(pair)] == [b"", b""]
        return
    assert pair.client.alerts_received == pair.server.alerts_sent == [120]
    assert "application protocol" in pair.client.failure.message


@any_version
def test_sec_e14_addresses_are_never_sent_as_names(pki: Pki, version: AnyVersion) -> None:
    """And names in one spelling."""
    for name, sent in (("127.0.0.1", ""), ("::1", ""), ("LOCALHOST.", "localhost")):
        pair = both(version, trusting(pki), server_configuration(pki.server), name=name)
        assert pair.client.completed
        assert streams(pair)[1].server_name() == sent


# ---------------------------------------------------------------------------------------- secrets


def test_sec_e16_nothing_can_be_pickled(pki: Pki) -> None:
    """A pickle is a copy that nobody counts with."""
    pair = both("1.2", trusting(pki), server_configuration(pki.server))
    configuration = SslConfiguration.forServer(pki.server.chain, pki.server.privateKey)
    configuration.setVirtualHosts({"a.example": configuration})
    for secret in (streams(pair)[0].session(), PreSharedKeyAuthenticator.forClient(b""), configuration):
        with pytest.raises(TypeError):
            pickle.dumps(secret)
        assert "PRIVATE" not in repr(secret)
    assert copy.deepcopy(configuration) == configuration


def test_sec_e17_keys_are_overwritten() -> None:
    """When the handshake is over, in place."""
    decisions = Recorder(client_key=(IDENTITY, KEY))
    pair = Pair(
        client_configuration((), verify_mode=VerifyMode.NONE, **PSK),
        server_configuration(None, **PSK),
        client_decisions=decisions,
        server_decisions=Recorder(server_keys={IDENTITY: KEY}),
    ).established()
    assert pair.client.completed
    assert decisions.keys_given
    assert not any(any(key) for key in decisions.keys_given)


@pytest.fixture
def fresh_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contexts are made anew, and not found in the cache."""
    monkeypatch.setattr(contexts, "_cache", type(contexts._cache)())


@any_version
def test_sec_e18_no_key_log_by_environment(
    pki: Pki, version: AnyVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_contexts: None
) -> None:
    """SSLKEYLOGFILE alone does nothing, whenever it is set."""
    path = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(path))
    assert both(version, trusting(pki), server_configuration(pki.server)).client.completed
    assert not path.exists()


def test_sec_e18_no_key_log_by_environment_of_a_new_process(pki: Pki, tmp_path: Path) -> None:
    """Also when OpenSSL has been loaded with it."""
    code = (
        "from qtsecure.testing.pki import PublicKeyInfrastructure as P; "
        "from tests.engine.support import *; p = P(); "
        "Pair(client_configuration([p.ca.certificate]), server_configuration(p.server)).established()"
    )
    path = tmp_path / "keys.log"
    environment = os.environ | {"SSLKEYLOGFILE": str(path)}
    subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, timeout=120, cwd=Path(__file__).parents[2]
    )
    assert not path.exists()


@any_version
def test_sec_e18_the_key_log(pki: Pki, version: AnyVersion, tmp_path: Path) -> None:
    """Explicit, for the owner alone, lines that Wireshark knows; also in a file that everybody could read."""
    path = tmp_path / "keys.log"
    path.write_text("# mine\n")
    path.chmod(0o644)
    client = trusting(pki, key_log_file=str(path))
    assert both(version, client, server_configuration(pki.server)).client.completed
    first, *lines = path.read_text("ascii").splitlines()
    assert first == "# mine"
    label = "SERVER_TRAFFIC_SECRET_0" if version == "1.3" else "CLIENT_RANDOM"
    assert any(line.startswith(label) for line in lines)
    assert all(len(line.split(" ")) == 3 for line in lines)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    missing = dataclasses.replace(client, key_log_file=str(tmp_path / "no" / "keys.log"))
    with pytest.raises(SecureError):
        both(version, missing, server_configuration(pki.server))


def test_sec_e18_lines_are_appended_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs may share the file: one write for each line, at its end."""
    written: list[bytes] = []
    flags: list[int] = []
    real_open, real_write = os.open, os.write
    log = KeyLog(str(tmp_path / "keys.log"))
    monkeypatch.setattr(os, "open", lambda path, flag, *mode: flags.append(flag) or real_open(path, flag, *mode))
    monkeypatch.setattr(os, "write", lambda fd, data: written.append(data) or real_write(fd, data))
    log.write(None, b"CLIENT_RANDOM a b")  # type: ignore[arg-type]  # it does not look at the connection
    log.write(None, b"CLIENT_RANDOM c d")  # type: ignore[arg-type]  # see above
    assert written == [b"CLIENT_RANDOM a b\n", b"CLIENT_RANDOM c d\n"]
    assert all(flag & os.O_APPEND for flag in flags)


def test_sec_e18_a_finalizer_connects_while_a_line_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The garbage collector may run one in the middle of it: it does not wait for itself."""
    path = tmp_path / "keys.log"
    log = KeyLog(str(path))
    real = log._open

    def collecting() -> int:
        monkeypatch.setattr(log, "_open", real)
        log.write(None, b"CLIENT_RANDOM c d")  # type: ignore[arg-type]  # it does not look at the connection
        return real()

    monkeypatch.setattr(log, "_open", collecting)
    thread = threading.Thread(target=lambda: log.write(None, b"CLIENT_RANDOM a b"), daemon=True)  # type: ignore[arg-type]  # see above
    thread.start()
    thread.join(20)
    assert path.read_bytes() == b"CLIENT_RANDOM c d\nCLIENT_RANDOM a b\n"


def test_sec_e18_setting_a_key_log_warns(tmp_path: Path) -> None:
    """With the path, once for each time; switching it off is silent."""
    messages: list[str] = []
    before = qInstallMessageHandler(lambda kind, context, message: messages.append(message))
    try:
        configuration = SslConfiguration()
        configuration.setKeyLogFile(tmp_path / "keys.log")
        configuration.setKeyLogFile(None)
    finally:
        qInstallMessageHandler(before)
    assert len(messages) == 1
    assert "keys.log" in messages[0]


@pytest.fixture
def pki(qtsecure_pki: Pki) -> Pki:
    """Throw-away certificates."""
    return qtsecure_pki

"""SslConfiguration: setters that refuse what cannot work, value semantics, defaults."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSsl, QSslConfiguration, QSslSocket

from qtsecure import SecureError
from qtsecure.net.values import Protocol, SessionFacts, SslCertificate, SslCipher, SslConfiguration, TlsOptions
from qtsecure.testing.pki import PublicKeyInfrastructure

_Mode = QSslSocket.PeerVerifyMode
_Option = QSsl.SslOption


@pytest.fixture
def _defaultRestored() -> Iterator[None]:
    before = SslConfiguration.defaultConfiguration()
    yield
    SslConfiguration.setDefaultConfiguration(before)


def _forServer(pki: PublicKeyInfrastructure) -> SslConfiguration:
    return SslConfiguration.forServer(pki.server.chainPem(), pki.server.keyPem())


def test_defaults_are_qts() -> None:
    """What a new configuration answers."""
    new = SslConfiguration()
    assert new.isNull()
    assert not new
    assert SslConfiguration.defaultConfiguration()
    assert new.protocol() is Protocol.SecureProtocols
    assert new.peerVerifyMode() is _Mode.AutoVerifyPeer
    assert new.peerVerifyDepth() == 0
    assert new.localCertificate().isNull()
    assert new.privateKey() is None
    assert new.caCertificates() == []
    assert not new.missingCertificateIsFatal()
    assert not new.handshakeMustInterruptOnError()
    assert new.sessionTicketsEnabled()
    assert new.keyLogFile() == ""
    theirs = QSslConfiguration()
    for option in _Option:
        assert new.testSslOption(option) == theirs.testSslOption(option), option


def test_results_of_a_handshake_are_empty_at_first() -> None:
    """The getters exist before a handshake, too."""
    new = SslConfiguration()
    assert new.peerCertificate().isNull()
    assert new.peerCertificateChain() == []
    assert new.sessionCipher().isNull()
    assert new.sessionProtocol() is Protocol.Unknown
    assert new.nextNegotiatedProtocol() == QByteArray()
    assert (
        new.nextProtocolNegotiationStatus()
        is QSslConfiguration.NextProtocolNegotiationStatus.NextProtocolNegotiationNone
    )


def test_with_session_reports_and_leaves_the_original_alone(pki: PublicKeyInfrastructure) -> None:
    """A socket's configuration carries what was negotiated; as in Qt it takes part in ==."""
    original = SslConfiguration()
    peer = SslCertificate(pki.server.certificate)
    reported = original.withSession(
        SessionFacts(
            peerCertificate=peer,
            peerCertificateChain=(peer,),
            sessionCipher=SslCipher("TLS_AES_256_GCM_SHA384"),
            sessionProtocol=Protocol.TlsV1_3,
            nextNegotiatedProtocol=b"h2",
            nextProtocolNegotiationStatus=(
                QSslConfiguration.NextProtocolNegotiationStatus.NextProtocolNegotiationNegotiated
            ),
        )
    )
    assert reported.peerCertificate() == peer
    assert reported.peerCertificateChain() == [peer]
    assert reported.sessionCipher().name() == "TLS_AES_256_GCM_SHA384"
    assert reported.sessionProtocol() is Protocol.TlsV1_3
    assert reported.nextNegotiatedProtocol().data() == b"h2"
    assert reported != original
    assert original.isNull()


@pytest.mark.parametrize("duplicate", [SslConfiguration, copy.copy, copy.deepcopy])
def test_copies_are_equal_and_independent(pki: PublicKeyInfrastructure, duplicate: type[SslConfiguration]) -> None:
    """A value, like QSslConfiguration."""
    original = _forServer(pki)
    other = duplicate(original)
    assert other == original
    other.setPeerVerifyDepth(3)
    assert original.peerVerifyDepth() == 0
    assert other != original
    other.setPeerVerifyDepth(0)
    assert other == original


def test_private_keys_are_compared(pki: PublicKeyInfrastructure) -> None:
    """The same key from two sources is equal, another one is not."""
    one, same, other = SslConfiguration(), SslConfiguration(), SslConfiguration()
    one.setPrivateKey(pki.server.keyPem())
    same.setPrivateKey(pki.server.privateKey)
    other.setPrivateKey(pki.client.privateKey)
    assert one == same
    assert one != other


def test_the_key_cannot_leak(pki: PublicKeyInfrastructure) -> None:
    """No pickles, a repr without key, and no hash of a mutable value."""
    configuration = _forServer(pki)
    with pytest.raises(TypeError, match="private key"):
        pickle.dumps(configuration)
    secret = pki.server.keyPem().splitlines()[1].decode()
    assert secret not in repr(configuration)
    assert "rivateKey" not in repr(configuration)
    assert "rivateKey object" not in repr(configuration._settings)
    with pytest.raises(TypeError, match="unhashable"):
        hash(configuration)


# Certificate and key


@pytest.mark.parametrize("keyFirst", [True, False])
def test_certificate_and_key_in_either_order(pki: PublicKeyInfrastructure, keyFirst: bool) -> None:
    """A mismatch is found by the second setter, which then changes nothing."""
    configuration = SslConfiguration()
    steps = [
        lambda: configuration.setPrivateKey(pki.client.privateKey),
        lambda: configuration.setLocalCertificate(pki.server.certificate),
    ]
    first, second = steps if keyFirst else steps[::-1]
    first()
    before = SslConfiguration(configuration)
    with pytest.raises(SecureError) as caught:
        second()
    assert caught.value.code is SecureError.Code.BadCertificate
    assert configuration == before


def test_certificates_from_every_source(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """Objects, bytes, paths and lists of them."""
    files = pki.viaIntermediate.writeTo(tmp_path)
    expected = [SslCertificate(certificate) for certificate in pki.viaIntermediate.chain]
    for source in (
        pki.viaIntermediate.chainPem(),
        QByteArray(pki.viaIntermediate.chainPem()),
        files.certificate,
        str(files.certificate),
        list(pki.viaIntermediate.chain),
        expected,
        [certificate.toQt() for certificate in expected],
    ):
        configuration = SslConfiguration()
        configuration.setLocalCertificateChain(source)
        assert configuration.localCertificateChain() == expected
        assert configuration.localCertificate() == expected[0]


def test_keys_from_every_source(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """Objects, bytes, paths, Qt's keys, encrypted ones."""
    files = pki.server.writeTo(tmp_path, passphrase=b"open")
    configuration = _forServer(pki)
    for source, passphrase in (
        (pki.server.keyPem(), None),
        (QByteArray(pki.server.keyPem()), None),
        (pki.server.keyPem(b"open"), "open"),
        (files.key, QByteArray(b"open")),
        (pki.server.privateKey, None),
    ):
        other = SslConfiguration()
        other.setLocalCertificateChain(pki.server.chain)
        other.setPrivateKey(source, passphrase)
        assert other == configuration
    assert isinstance(configuration.privateKey(), ec.EllipticCurvePrivateKey)


def test_ed25519_key(pki: PublicKeyInfrastructure) -> None:
    """The kind of key that QSslKey cannot hold."""
    configuration = SslConfiguration.forServer(pki.ed25519Server.chain, pki.ed25519Server.keyPem())
    assert configuration.privateKey() is not None


def test_removing_the_identity(pki: PublicKeyInfrastructure) -> None:
    """None, null certificates and empty lists remove; so a new pair can replace the old one."""
    for nothing in (None, SslCertificate(), SslCertificate().toQt(), []):
        configuration = _forServer(pki)
        configuration.setLocalCertificateChain(nothing)
        assert configuration.localCertificate().isNull()
        configuration.setPrivateKey(None)
        assert configuration.privateKey() is None
        configuration.setLocalCertificate(pki.client.certificate)
        configuration.setPrivateKey(pki.client.privateKey)


def test_wrong_passphrase(pki: PublicKeyInfrastructure) -> None:
    """Missing or wrong: said so, without showing it."""
    configuration = SslConfiguration()
    for passphrase in (None, "hunter2"):
        with pytest.raises(SecureError) as caught:
            configuration.setPrivateKey(pki.server.keyPem(b"open"), passphrase)
        assert caught.value.code is SecureError.Code.BadCertificatePassword
        assert "hunter2" not in str(caught.value)
    assert configuration.isNull()


@pytest.mark.parametrize("source", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\n", "/no/such/file.pem"])
def test_unusable_certificates_and_keys(source: bytes | str) -> None:
    """Empty PEM and missing files are errors of the setter, not of the handshake."""
    configuration = SslConfiguration()
    for setter in (
        configuration.setLocalCertificateChain,
        configuration.setPrivateKey,
        configuration.setCaCertificates,
        configuration.addCaCertificates,
    ):
        with pytest.raises(SecureError) as caught:
            setter(source)
        assert caught.value.code is SecureError.Code.BadCertificate
    assert configuration.isNull()


def test_a_server_without_certificates(pki: PublicKeyInfrastructure) -> None:
    """An empty list, as from a file in which nothing was found, is told when it is set and not at the handshake."""
    for nothing in ([], ()):
        with pytest.raises(ValueError, match="certificateChain must not be empty"):
            SslConfiguration.forServer(nothing, pki.server.privateKey)


@pytest.mark.parametrize(
    ("setter", "argument"),
    [
        ("setAllowedNextProtocols", "protocols"),
        ("setCiphers", "ciphers"),
        ("setEllipticCurves", "curves"),
        ("setKeyExchangeGroups", "groups"),
        ("setSrtpProfiles", "profiles"),
        ("setKeyLogFile", "path"),
    ],
)
def test_wrong_types_are_told_by_name(setter: str, argument: str) -> None:
    """What is no list, or no path, at all."""
    configuration = SslConfiguration()
    with pytest.raises(TypeError, match=f"{argument} must be a "):
        getattr(configuration, setter)(5)
    assert configuration.isNull()


def test_wrong_types_of_certificates(pki: PublicKeyInfrastructure) -> None:
    """Numbers are nothing, and a null certificate inside a list is a mistake."""
    configuration = SslConfiguration()
    for setter in (configuration.setLocalCertificateChain, configuration.setPrivateKey):
        with pytest.raises(TypeError):
            setter(5)  # type: ignore[arg-type] # the mistake under test
    with pytest.raises(SecureError, match="null"):
        configuration.setLocalCertificateChain([pki.server.certificate, SslCertificate()])


# Authorities


def test_explicit_authorities_replace_the_systems(pki: PublicKeyInfrastructure) -> None:
    """A list is exactly that list, and an empty one trusts nobody."""
    ca, other = SslCertificate(pki.ca.certificate), SslCertificate(pki.otherCa.certificate)
    configuration = SslConfiguration.forClient(ca)
    assert configuration.caCertificates() == [ca]
    configuration.addCaCertificate(other)
    assert configuration.caCertificates() == [ca, other]
    configuration.setCaCertificates([])
    assert configuration.caCertificates() == []
    assert not configuration.isNull()


def test_adding_to_the_systems_authorities(pki: PublicKeyInfrastructure, systemRoots: list[SslCertificate]) -> None:
    """As in Qt: the default lists the system's roots, a new configuration does not."""
    ca = SslCertificate(pki.ca.certificate)
    configuration = SslConfiguration.defaultConfiguration()
    assert configuration.caCertificates() == SslConfiguration.systemCaCertificates() == systemRoots
    assert configuration.addCaCertificates([ca]) is True  # what Qt's returns for the path of a file
    assert configuration.caCertificates() == [*systemRoots, ca]
    fresh = SslConfiguration()
    fresh.addCaCertificates([ca])
    assert fresh.caCertificates() == [ca]
    fresh.setCaCertificates(None)
    assert fresh.caCertificates() == systemRoots
    assert SslConfiguration.forClient().caCertificates() == systemRoots


# The rest


@pytest.mark.parametrize("value", [Protocol.TlsV1_3, QSsl.SslProtocol.TlsV1_3])
def test_protocol_of_either_enum(value: Protocol | QSsl.SslProtocol) -> None:
    """Ours and Qt's."""
    configuration = SslConfiguration()
    configuration.setProtocol(value)
    assert configuration.protocol() is Protocol.TlsV1_3


@pytest.mark.parametrize("value", [Protocol.Unknown, QSsl.SslProtocol.UnknownProtocol, QSsl.SslProtocol.TlsV1_0])
def test_protocols_that_cannot_be_set(value: Protocol | QSsl.SslProtocol) -> None:
    """No version, or one that is broken."""
    with pytest.raises(ValueError, match="rotocol"):
        SslConfiguration().setProtocol(value)


def test_verification_setters() -> None:
    """What is set is returned; nonsense is refused."""
    configuration = SslConfiguration()
    configuration.setPeerVerifyMode(_Mode.QueryPeer)
    configuration.setPeerVerifyDepth(4)
    configuration.setMissingCertificateIsFatal(True)
    configuration.setHandshakeMustInterruptOnError(True)
    assert configuration.peerVerifyMode() is _Mode.QueryPeer
    assert configuration.peerVerifyDepth() == 4
    assert configuration.missingCertificateIsFatal()
    assert configuration.handshakeMustInterruptOnError()
    for depth in (-1, 1 << 40):
        with pytest.raises(ValueError, match="depth"):
            configuration.setPeerVerifyDepth(depth)
    for nonsense in (1.5, "1", None, True):
        with pytest.raises(TypeError, match="depth"):
            configuration.setPeerVerifyDepth(nonsense)  # type: ignore[arg-type] # the mistake under test
    with pytest.raises(ValueError, match="path"):
        configuration.setKeyLogFile("\0")
    with pytest.raises(TypeError, match="mode"):
        configuration.setPeerVerifyMode(2)  # type: ignore[arg-type] # the mistake under test


def test_ciphers() -> None:
    """Objects, names and a string with colons; duplicates once; an empty list is the default."""
    configuration = SslConfiguration()
    default = configuration.ciphers()
    assert default[0] == SslCipher("TLS_AES_256_GCM_SHA384")
    assert set(default) <= set(SslConfiguration.supportedCiphers())
    wanted = [SslCipher("TLS_AES_128_GCM_SHA256"), SslCipher("ECDHE-RSA-AES128-GCM-SHA256")]
    for source in (wanted, [wanted[0], wanted[1].name()], "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256:"):
        configuration.setCiphers(source)
        assert configuration.ciphers() == wanted
    configuration.setCiphers([wanted[0], wanted[0]])
    assert configuration.ciphers() == wanted[:1]
    configuration.setCiphers("")
    assert configuration.ciphers() == default
    assert configuration.isNull()


@pytest.mark.parametrize("name", ["RC4-MD5", "NULL-SHA256", "HIGH", "ALL", ""])
def test_unknown_ciphers(name: str) -> None:
    """Named in the error; keywords of OpenSSL's cipher strings are no names."""
    with pytest.raises(ValueError, match=f"ciphers contains {name!r}"):
        SslConfiguration().setCiphers([name])
    with pytest.raises(TypeError, match="ciphers"):
        SslConfiguration().setCiphers([4])  # type: ignore[list-item] # the mistake under test


def test_key_exchange_groups() -> None:
    """Known to the engine, or refused by name."""
    configuration = SslConfiguration()
    configuration.setKeyExchangeGroups(["X25519MLKEM768", "X25519", "P-256", "X25519"])
    assert configuration.keyExchangeGroups() == ["X25519MLKEM768", "X25519", "P-256"]
    for wrong in ("nope", "X25519:P-256", "-X25519", "", "X25519\0"):
        with pytest.raises(ValueError, match="groups contains"):
            configuration.setKeyExchangeGroups([wrong])
    with pytest.raises(TypeError, match="groups"):
        configuration.setKeyExchangeGroups("X25519")
    with pytest.raises(TypeError, match="groups"):
        configuration.setKeyExchangeGroups([5])  # type: ignore[list-item] # the mistake under test
    assert len(configuration.keyExchangeGroups()) == 3


def test_application_protocols() -> None:
    """Bytes and text in, QByteArrays out, in order."""
    configuration = SslConfiguration()
    configuration.setAllowedNextProtocols([SslConfiguration.ALPNProtocolHTTP2, "http/1.1", QByteArray(b"x"), "h2"])
    assert configuration.allowedNextProtocols() == [QByteArray(b"h2"), QByteArray(b"http/1.1"), QByteArray(b"x")]
    configuration.setAllowedNextProtocols(["x" * 255])
    for wrong in ([""], ["x" * 256], [f"{n:0255}" for n in range(257)]):
        with pytest.raises(ValueError, match="protocols"):
            configuration.setAllowedNextProtocols(wrong)
    for mistake in ("h2", b"h2", [2]):
        with pytest.raises(TypeError, match="protocols"):
            configuration.setAllowedNextProtocols(mistake)  # type: ignore[arg-type] # the mistake under test


def test_identity_hint() -> None:
    """Bytes or text; what OpenSSL would cut off is refused."""
    configuration = SslConfiguration()
    configuration.setPreSharedKeyIdentityHint("wer?")
    assert configuration.preSharedKeyIdentityHint() == QByteArray(b"wer?")
    for wrong in (b"x" * 256, b"a\0b"):
        with pytest.raises(ValueError, match="hint"):
            configuration.setPreSharedKeyIdentityHint(wrong)
    with pytest.raises(TypeError, match="hint"):
        configuration.setPreSharedKeyIdentityHint(5)  # type: ignore[arg-type] # the mistake under test


def test_options() -> None:
    """Set, cleared, remembered; tickets have a setter of their own."""
    configuration = SslConfiguration()
    for option in _Option:
        for on in (True, False):
            configuration.setSslOption(option, on)
            assert configuration.testSslOption(option) is on
    configuration.setSessionTicketsEnabled(False)
    assert configuration.testSslOption(_Option.SslOptionDisableSessionTickets)
    assert not configuration.sessionTicketsEnabled()
    with pytest.raises(TypeError, match="option"):
        configuration.setSslOption(8, True)  # type: ignore[arg-type] # the mistake under test


def test_key_log_file(tmp_path: Path) -> None:
    """A path or nothing."""
    configuration = SslConfiguration()
    configuration.setKeyLogFile(tmp_path / "keys.log")
    assert configuration.keyLogFile() == str(tmp_path / "keys.log")
    configuration.setKeyLogFile(None)
    assert configuration.isNull()


@pytest.mark.usefixtures("_defaultRestored")
def test_default_configuration_is_copied_both_ways(pki: PublicKeyInfrastructure) -> None:
    """Later changes of either object do not reach the other."""
    mine = SslConfiguration.forClient(pki.ca.certificate)
    SslConfiguration.setDefaultConfiguration(mine)
    mine.setPeerVerifyDepth(9)
    default = SslConfiguration.defaultConfiguration()
    assert default.peerVerifyDepth() == 0
    default.setPeerVerifyDepth(8)
    assert SslConfiguration.defaultConfiguration().peerVerifyDepth() == 0
    assert SslConfiguration.defaultConfiguration().caCertificates() == [SslCertificate(pki.ca.certificate)]
    with pytest.raises(TypeError, match="SslConfiguration"):
        SslConfiguration.setDefaultConfiguration(None)  # type: ignore[arg-type] # the mistake under test


@pytest.mark.usefixtures("_defaultRestored")
def test_options_of_a_server_are_no_default(pki: PublicKeyInfrastructure) -> None:
    """They verify no server, so every client of the program would believe anybody."""
    before = SslConfiguration.defaultConfiguration()
    options = TlsOptions.server(pki.server.keyPem(), pki.server.chainPem())
    with pytest.raises(ValueError, match="must be for a client, not the TlsOptions of a server"):
        SslConfiguration.setDefaultConfiguration(options)
    assert SslConfiguration.defaultConfiguration() == before
    SslConfiguration.setDefaultConfiguration(TlsOptions.client([pki.ca.certificate]))
    assert SslConfiguration.defaultConfiguration().caCertificates() == [SslCertificate(pki.ca.certificate)]

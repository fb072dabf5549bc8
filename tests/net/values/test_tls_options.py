"""TlsOptions after Godot's TLSOptions."""

from __future__ import annotations

import copy
import pickle

import pytest
from PySide6.QtNetwork import QSslSocket

from qtsecure import SecureError, SslConfiguration, SslServer, SslSocket, TlsOptions
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.trust import TrustAnchors
from qtsecure.net.values import SslCertificate
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import Pair, server_configuration

Authentication = TlsOptions.ClientAuthentication


def _engine(options: TlsOptions) -> TlsConfiguration:
    return options.toSslConfiguration().toEngine("server" if options.isServer() else "client", pskEnabled=False)


def test_godot_19_client(pki: PublicKeyInfrastructure) -> None:
    """Given authorities and a name; the getters tell them."""
    options = TlsOptions.client(pki.ca.certificate, "proper.example")
    assert not options.isServer()
    assert not options.isUnsafeClient()
    assert options.commonNameOverride() == "proper.example"
    assert options.trustedCaChain() == [SslCertificate(pki.ca.certificate)]
    assert options.privateKey() is None
    assert options.ownCertificate() == []
    assert options.clientAuthentication() is Authentication.Off
    engine = _engine(options)
    assert engine.verify_mode is VerifyMode.PEER
    assert engine.trust == TrustAnchors.of(pki.ca.certificate)
    assert engine.verify_host_name


def test_godot_19_server(pki: PublicKeyInfrastructure) -> None:
    """Key and certificate; clients show none unless they are asked."""
    options = TlsOptions.server(pki.server.keyPem(), pki.server.chainPem())
    assert options.isServer()
    assert options.ownCertificate()[0].toCryptography() == pki.server.certificate
    assert options.privateKey() is not None
    assert _engine(options).verify_mode is VerifyMode.NONE


@pytest.mark.parametrize(
    ("authentication", "mode", "required"),
    [
        (Authentication.Off, VerifyMode.NONE, False),
        (Authentication.Requested, VerifyMode.QUERY, False),
        (Authentication.Required, VerifyMode.PEER, True),
    ],
)
def test_client_authentication(
    pki: PublicKeyInfrastructure, authentication: Authentication, mode: VerifyMode, required: bool
) -> None:
    """What Godot never got."""
    options = TlsOptions.server(pki.server.privateKey, pki.server.chain, authentication, pki.ca.certificate)
    assert options.clientAuthentication() is authentication
    engine = _engine(options)
    assert engine.verify_mode is mode
    assert engine.certificate_required is required
    if mode is not VerifyMode.NONE:
        assert engine.trust == TrustAnchors.of(pki.ca.certificate)


def test_required_certificates_need_an_authority(pki: PublicKeyInfrastructure) -> None:
    """Nobody could ever connect."""
    with pytest.raises(ValueError, match="trustedClientCas"):
        TlsOptions.server(pki.server.privateKey, pki.server.chain, Authentication.Required)


def test_godot_21_wrong_key(pki: PublicKeyInfrastructure) -> None:
    """Refused when the options are made."""
    with pytest.raises(SecureError):
        TlsOptions.server(pki.client.privateKey, pki.server.chain)


def test_a_server_without_certificate(pki: PublicKeyInfrastructure) -> None:
    """Refused when the options are made, not when the first client comes."""
    with pytest.raises(ValueError, match=r"^certificate must not be empty"):
        TlsOptions.server(pki.server.privateKey, [])


def test_wrong_types(pki: PublicKeyInfrastructure) -> None:
    """Each argument is checked."""
    with pytest.raises(TypeError):
        TlsOptions.client(7)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError, match="commonNameOverride"):
        TlsOptions.client(None, 7)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError, match="clientAuth"):
        TlsOptions.server(pki.server.privateKey, pki.server.chain, True)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError, match="made by"):
        TlsOptions()


KINDS = {"ok": (), "wrong name": ("name",), "expired": ("chain",), "both": ("name", "chain")}


def _certificate(pki: PublicKeyInfrastructure, kind: str) -> IssuedCertificate:
    by = {"ok": pki.server, "wrong name": pki.wrongHost, "expired": pki.expired, "both": pki.expired}
    return by[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unsafe", ["client", "clientUnsafe with authorities", "clientUnsafe"])
def test_godot_15_matrix(pki: PublicKeyInfrastructure, unsafe: str, kind: str) -> None:
    """What each kind of client lets through."""
    wrong = set(KINDS[kind])
    if unsafe == "client":
        options, expected = TlsOptions.client(pki.ca.certificate), not wrong
    elif unsafe == "clientUnsafe":
        options, expected = TlsOptions.clientUnsafe(), True
    else:
        options, expected = TlsOptions.clientUnsafe(pki.ca.certificate), "chain" not in wrong
    assert options.isUnsafeClient() is (unsafe != "client")
    # The name of the expired certificate is right; the fourth kind asks for another one.
    name = "another.example" if kind == "both" else "localhost"
    pair = Pair(_engine(options), server_configuration(_certificate(pki, kind)), name=name)
    pair.handshake()
    assert pair.client.completed is expected
    assert pair.server.stream.server_name() == name  # sent in any case


def test_godot_19_immutable(pki: PublicKeyInfrastructure) -> None:
    """Nothing can be set, also not behind the back of the options."""
    options = TlsOptions.client(pki.ca.certificate)
    with pytest.raises(AttributeError, match="cannot be changed"):
        options._server = True  # type: ignore[misc]  # the mistake under test
    with pytest.raises(AttributeError):
        options.anything = 1  # type: ignore[attr-defined]  # the mistake under test
    options.toSslConfiguration().setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
    options.trustedCaChain().clear()
    assert _engine(options).verify_mode is VerifyMode.PEER
    assert options.trustedCaChain()
    assert copy.deepcopy(options) is options
    assert options == TlsOptions.client([pki.ca.certificate])
    assert options != TlsOptions.clientUnsafe(pki.ca.certificate)


def test_the_key_cannot_leak(pki: PublicKeyInfrastructure) -> None:
    """As with configurations."""
    options = TlsOptions.server(pki.server.privateKey, pki.server.chain)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(options)
    assert repr(options) == "<TlsOptions server>"


def test_accepted_where_configurations_are(pki: PublicKeyInfrastructure, qapp: object) -> None:
    """Sockets, servers, the default, and copies."""
    options = TlsOptions.client(pki.ca.certificate)
    socket, server = SslSocket(), SslServer()
    socket.setSslConfiguration(options)
    server.setSslConfiguration(TlsOptions.server(pki.server.privateKey, pki.server.chain))
    assert socket.sslConfiguration() == options.toSslConfiguration() == SslConfiguration(options)
    assert server.sslConfiguration().localCertificate().toCryptography() == pki.server.certificate

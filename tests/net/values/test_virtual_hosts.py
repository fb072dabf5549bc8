"""Virtual hosts as a part of SslConfiguration: names are checked when they are set, and copies are equal."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from PySide6.QtNetwork import QSslSocket

from qtsecure import SecureError, SslConfiguration, UnknownHostPolicy
from qtsecure.testing.pki import PublicKeyInfrastructure


@pytest.fixture
def host(qtsecure_pki: PublicKeyInfrastructure) -> SslConfiguration:
    """A configuration with a certificate."""
    return SslConfiguration.forServer(qtsecure_pki.server.chain, qtsecure_pki.server.privateKey)


def test_names_and_copies(host: SslConfiguration) -> None:
    """In their normal form; later changes of what was given have no effect."""
    configuration = SslConfiguration()
    assert configuration.virtualHosts() == {}
    assert configuration.unknownHostPolicy() is UnknownHostPolicy.UseDefault
    given = SslConfiguration(host)
    configuration.setVirtualHosts({"A.Example.": given, "*.bücher.example": host})
    configuration.setUnknownHostPolicy(UnknownHostPolicy.Refuse)
    given.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
    assert configuration.virtualHosts() == {"a.example": host, "*.xn--bcher-kva.example": host}
    for twin in (SslConfiguration(configuration), copy.copy(configuration), copy.deepcopy(configuration)):
        assert twin == configuration
        twin.setVirtualHosts({"a.example": host})
        assert twin != configuration
    assert not configuration.isNull()
    configuration.setVirtualHosts({})
    configuration.setUnknownHostPolicy(UnknownHostPolicy.UseDefault)
    assert configuration == SslConfiguration()


@pytest.mark.parametrize("name", ["", "*", "*.org", "a.*.org", "127.0.0.1", "a b.example"])
def test_names_that_are_none(host: SslConfiguration, name: str) -> None:
    """Refused at once, with the argument's name."""
    configuration = SslConfiguration()
    with pytest.raises(ValueError, match="hosts"):
        configuration.setVirtualHosts({name: host})
    assert configuration.virtualHosts() == {}


def test_configurations_that_cannot_serve(host: SslConfiguration, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Without certificate or key, with hosts of their own, of another type."""
    configuration = SslConfiguration()
    nested = SslConfiguration(host)
    nested.setVirtualHosts({"a.example": host})
    half = SslConfiguration()
    half.setLocalCertificateChain(qtsecure_pki.server.chain)
    for bad, text in ((SslConfiguration(), "no certificate"), (half, "no private key"), (nested, "virtual hosts")):
        with pytest.raises(SecureError, match=text):
            configuration.setVirtualHosts({"b.example": bad})
    wrong: Any
    for wrong in (None, "text", {"a.example": None}, {"a.example": "text"}, {b"a.example": host}):
        with pytest.raises(TypeError):
            configuration.setVirtualHosts(wrong)
    with pytest.raises(ValueError, match="twice"):
        configuration.setVirtualHosts({"a.example": host, "A.EXAMPLE": host})
    with pytest.raises(TypeError, match="policy"):
        configuration.setUnknownHostPolicy(True)  # type: ignore[arg-type]  # what the test is about
    assert configuration == SslConfiguration()


def test_hosts_for_keys_alone(host: SslConfiguration, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """They need a hint, and no half of a certificate."""
    configuration, keys = SslConfiguration(), SslConfiguration()
    keys.setPreSharedKeyIdentityHint("sensors")
    configuration.setVirtualHosts({"a.example": host, "keys.example": keys})
    assert configuration.virtualHosts()["keys.example"] == keys
    keys.setPrivateKey(qtsecure_pki.server.privateKey)
    with pytest.raises(SecureError, match="no certificate"):
        configuration.setVirtualHosts({"keys.example": keys})


def test_what_is_for_a_name(host: SslConfiguration) -> None:
    """The host's, the rest, or nothing; without the hosts themselves."""
    configuration = SslConfiguration(host)
    configuration.setPeerVerifyDepth(3)
    rest = SslConfiguration(configuration)
    configuration.setVirtualHosts({"a.example": host})
    assert configuration.hostConfiguration_untrusted(b"A.example") == host
    for name in (None, b"b.example", b"\xff"):
        assert configuration.hostConfiguration_untrusted(name) == rest
    configuration.setUnknownHostPolicy(UnknownHostPolicy.Refuse)
    for name in (None, b"b.example", b"\xff"):
        assert configuration.hostConfiguration_untrusted(name) is None
    assert configuration.hostConfiguration_untrusted(b"a.example") == host

"""TrustStore: where authorities come from, and what a configuration makes of them."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from qtsecure import SecureError, SslConfiguration, TrustStore
from qtsecure.engine.trust import TrustAnchors
from qtsecure.net.values import SslCertificate
from qtsecure.testing.pki import PublicKeyInfrastructure


def _trust(configuration: SslConfiguration) -> TrustAnchors:
    return configuration.toEngine("client", pskEnabled=False).trust


def test_certificates(pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """Objects, bytes and files give equal stores."""
    file = tmp_path / "roots.pem"
    file.write_bytes(b"".join(bytes(SslCertificate(ca.certificate).toPem().data()) for ca in (pki.ca, pki.otherCa)))
    store = TrustStore.fromFile(file)
    same = TrustStore.fromCertificates([pki.otherCa.certificate, SslCertificate(pki.ca.certificate).toQt()])
    assert store == same
    assert hash(store) == hash(same)
    assert store.certificates() == [SslCertificate(pki.ca.certificate), SslCertificate(pki.otherCa.certificate)]
    assert not store.isEmpty()
    assert not store.includesSystem()
    assert copy.deepcopy(store) is store
    assert "2 certificates" in repr(store)


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_garbage_raises(tmp_path: Path, content: bytes) -> None:
    """At once, and not at the handshake, where it would be an empty store."""
    file = tmp_path / "roots.pem"
    file.write_bytes(content)
    for make in (TrustStore.fromFile, TrustStore.fromCertificates):
        with pytest.raises(SecureError) as caught:
            make(str(file))
        assert caught.value.code is SecureError.Code.BadCertificate
    with pytest.raises(SecureError):
        TrustStore.fromFile(tmp_path / "missing.pem")
    with pytest.raises(SecureError):
        TrustStore.fromCertificates([SslCertificate()])
    with pytest.raises(TypeError, match="path"):
        TrustStore.fromFile(b"path")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError):
        TrustStore.fromCertificates(7)  # type: ignore[arg-type]  # the mistake under test


def test_empty_store_trusts_nobody() -> None:
    """An empty list as well; not even the roots of this computer."""
    for store in (TrustStore.empty(), TrustStore.fromCertificates([])):
        assert store.isEmpty()
        assert store.certificates() == []
        configuration = SslConfiguration.forClient()
        configuration.setTrustStore(store)
        assert _trust(configuration) == TrustAnchors.empty()
        assert configuration.trustStore() == store


def test_system(systemRoots: list[SslCertificate], pki: PublicKeyInfrastructure) -> None:
    """The roots of this computer, alone and with others."""
    store = TrustStore.system()
    assert store.includesSystem()
    assert store.certificates() == systemRoots
    configuration = SslConfiguration()
    configuration.setTrustStore(store)
    assert configuration == SslConfiguration.forClient()
    both = store + TrustStore.fromCertificates(pki.ca.certificate)
    configuration.setTrustStore(both)
    assert configuration.trustStore() == both
    assert _trust(configuration) == TrustAnchors.of([root.toCryptography() for root in both.certificates()])
    assert SslCertificate(pki.ca.certificate) in both.certificates()


def test_no_roots_on_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail closed: no store, instead of one that trusts nobody or everybody."""
    error = SecureError(SecureError.Code.TlsUnavailable, "none")

    def fail() -> TrustAnchors:
        raise error

    monkeypatch.setattr(TrustAnchors, "system", fail)
    with pytest.raises(SecureError) as caught:
        TrustStore.system()
    assert caught.value is error


def test_wrong_type(pki: PublicKeyInfrastructure) -> None:
    """A list of certificates is no store."""
    with pytest.raises(TypeError, match="TrustStore"):
        SslConfiguration().setTrustStore([pki.ca.certificate])  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError):
        TrustStore.empty() + [pki.ca.certificate]  # type: ignore[operator] # noqa: RUF005 - that is the point

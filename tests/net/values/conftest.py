"""Certificates for the tests of the value types."""

from __future__ import annotations

import pytest

from qtsecure.engine.trust import TrustAnchors
from qtsecure.net.values import SslCertificate
from qtsecure.testing.pki import PublicKeyInfrastructure


@pytest.fixture(scope="session")
def pki() -> PublicKeyInfrastructure:
    """Throw-away certificates, made once."""
    return PublicKeyInfrastructure(shared=True)


@pytest.fixture
def systemRoots(pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch) -> list[SslCertificate]:
    """Pretend that this computer trusts exactly these."""
    roots = (pki.otherCa.certificate, pki.revokingCa.certificate)
    monkeypatch.setattr(TrustAnchors, "system", lambda: TrustAnchors.of(roots))
    return [SslCertificate(root) for root in roots]

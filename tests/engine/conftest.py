"""Fixtures for the engine's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qtsecure.engine import _openssl
from qtsecure.testing.pki import PublicKeyInfrastructure


@pytest.fixture
def pki(qtsecure_pki: PublicKeyInfrastructure) -> PublicKeyInfrastructure:
    """Throw-away certificates, made once for the session."""
    return qtsecure_pki


@pytest.fixture(params=["raw", "public"])
def engine_path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test on direct calls into OpenSSL and on pyOpenSSL's public methods."""
    before = _openssl._raw_path_wanted
    _openssl.use_raw_path(request.param == "raw")
    yield request.param
    _openssl.use_raw_path(before)

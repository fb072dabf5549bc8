"""Our ends of the connections with other implementations."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.interop.foreign import IMPLEMENTATIONS, ForeignClient, ForeignServer
from tests.interop.ours import OurClient, OurServer

VERSIONS = ("1.2", "1.3")


@pytest.fixture
def pki(qtsecure_pki: PublicKeyInfrastructure) -> PublicKeyInfrastructure:
    """Throw-away certificates, made once for the session."""
    return qtsecure_pki


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """The only protocol version of both sides."""
    value: str = request.param
    return value


@pytest.fixture(params=["python", "openssl", "gnutls", "qt"])
def foreign(request: pytest.FixtureRequest, qapp: QCoreApplication) -> str:
    """The name of the other implementation."""
    name: str = request.param
    if reason := IMPLEMENTATIONS[name].missing():
        pytest.skip(reason)
    return name


@pytest.fixture
def make_server(foreign: str) -> type[ForeignServer]:
    """The other implementation as a server."""
    return IMPLEMENTATIONS[foreign].server


@pytest.fixture
def make_client(foreign: str) -> type[ForeignClient]:
    """The other implementation as a client."""
    return IMPLEMENTATIONS[foreign].client


@pytest.fixture
def our_client(qapp: QCoreApplication) -> Iterator[OurClient]:
    """An SslSocket."""
    client = OurClient()
    yield client
    client.close()


@pytest.fixture
def make_our_server(qapp: QCoreApplication) -> Iterator[Callable[..., OurServer]]:
    """Make an SslServer that echoes."""
    made: list[OurServer] = []

    def make(*arguments: object, **options: object) -> OurServer:
        made.append(OurServer(*arguments, **options))  # type: ignore[arg-type]  # handed on
        return made[-1]

    yield make
    for server in made:
        server.close()

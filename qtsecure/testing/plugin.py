"""The pytest plugin: fixtures for programs that are built on qtsecure.

pytest imports this module in every environment that has qtsecure installed, so it loads neither Qt
nor OpenSSL until a test asks for a fixture.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from PySide6.QtCore import QCoreApplication, QObject

    from qtsecure.net.servers.dtls_server import DtlsServer
    from qtsecure.net.servers.ssl_server import SslServer
    from qtsecure.testing.datagram_link import DatagramLink
    from qtsecure.testing.faults import Fault, FaultyServer
    from qtsecure.testing.pairs import DtlsPair, TlsPair
    from qtsecure.testing.pki import PublicKeyInfrastructure
    from qtsecure.testing.signals import SignalRecorder
    from qtsecure.testing.stream_link import StreamLink

__all__ = [
    "qtsecure_dtls_echo_server",
    "qtsecure_dtls_pair",
    "qtsecure_echo_server",
    "qtsecure_faulty_server",
    "qtsecure_keylog_file",
    "qtsecure_link",
    "qtsecure_pki",
    "qtsecure_signals",
    "qtsecure_stream_link",
    "qtsecure_tls_pair",
]

_Link = TypeVar("_Link")

# Its assertions explain themselves, as those of test modules do; nothing is loaded by this.
pytest.register_assert_rewrite("qtsecure.testing.conformance")


@pytest.fixture(scope="session")
def qtsecure_pki() -> PublicKeyInfrastructure:
    """A throw-away authority with good and bad certificates, made once for the test session; it cannot revoke."""
    from qtsecure.testing.pki import PublicKeyInfrastructure

    return PublicKeyInfrastructure(shared=True)


@pytest.fixture
def qtsecure_signals(qapp: QCoreApplication) -> Iterator[Callable[..., SignalRecorder]]:
    """Make signal recorders: ``qtsecure_signals(obj, names=None, prefix="")``; closed after the test."""
    from qtsecure.testing.signals import SignalRecorder

    recorders: list[SignalRecorder] = []

    def record(obj: QObject | None = None, names: Iterable[str] | None = None, *, prefix: str = "") -> SignalRecorder:
        recorder = SignalRecorder(obj, names, prefix=prefix)
        recorders.append(recorder)
        return recorder

    yield record
    for recorder in recorders:
        recorder.close()


@pytest.fixture
def qtsecure_tls_pair(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[TlsPair]:
    """Two SslSockets that are connected with each other: ``client``, ``peer`` and their ``server``."""
    from qtsecure.testing.pairs import connectedTlsPair

    pair = connectedTlsPair(qtsecure_pki)
    yield pair
    _end(pair.client, pair.server)


@pytest.fixture
def qtsecure_dtls_pair(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[DtlsPair]:
    """Two DtlsPeers that are connected with each other: ``client``, ``peer`` and their ``server``."""
    from qtsecure.testing.pairs import connectedDtlsPair

    pair = connectedDtlsPair(qtsecure_pki)
    yield pair
    _end(pair.client, pair.server)


@pytest.fixture
def qtsecure_echo_server(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[SslServer]:
    """A TLS server on a free port of 127.0.0.1 that returns what it receives; trust ``qtsecure_pki.ca``."""
    from qtsecure.testing.pairs import tlsEchoServer

    server = tlsEchoServer(qtsecure_pki)
    yield server
    _end(server)


@pytest.fixture
def qtsecure_dtls_echo_server(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[DtlsServer]:
    """The same with DTLS."""
    from qtsecure.testing.pairs import dtlsEchoServer

    server = dtlsEchoServer(qtsecure_pki)
    yield server
    _end(server)


@pytest.fixture
def qtsecure_faulty_server(qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Callable[[Fault], FaultyServer]]:
    """Make running servers that get something wrong: ``qtsecure_faulty_server(Fault.Expired).port``."""
    from qtsecure.testing.faults import FaultyServer

    servers: list[FaultyServer] = []

    def make(fault: Fault) -> FaultyServer:
        server = FaultyServer(fault, qtsecure_pki)
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def qtsecure_link(request: pytest.FixtureRequest) -> Iterator[Callable[..., DatagramLink]]:
    """Make simulated bad networks for datagrams: ``qtsecure_link(loss=0.1)``.

    The seed is that of ``--qtsecure-seed``, unless the test gives one; a test that fails prints the
    line that repeats it.
    """
    from qtsecure.testing.datagram_link import DatagramLink

    yield from _seeded(request, DatagramLink)


@pytest.fixture
def qtsecure_stream_link(request: pytest.FixtureRequest) -> Iterator[Callable[..., StreamLink]]:
    """Make simulated bad networks for streams, as ``qtsecure_link`` does: ``qtsecure_stream_link(stall=0.1)``."""
    from qtsecure.testing.stream_link import StreamLink

    yield from _seeded(request, StreamLink)


@pytest.fixture
def qtsecure_keylog_file(tmp_path: Path) -> Path:
    """Where to let ``SslConfiguration.setKeyLogFile()`` write, for Wireshark; pytest clears it away in the end."""
    return tmp_path / "keys.log"


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option: the seed of simulated networks."""
    parser.getgroup("qtsecure").addoption(
        "--qtsecure-seed",
        type=_seed,
        default=0,
        metavar="SEED",
        help="seed of the simulated networks of qtsecure_link and qtsecure_stream_link: a number (0 if it is left "
        "out), or 'random' for another one each time",
    )


def _seed(text: str) -> int:
    """The number that a text stands for."""
    if text == "random":
        return random.randrange(1 << 32)  # noqa: S311 - accidents are no secrets
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor 'random'")
    return int(text)


def _seeded(request: pytest.FixtureRequest, kind: Callable[..., _Link]) -> Iterator[Callable[..., _Link]]:
    """Make links with the seed of the command line, and tell afterwards how to have the same ones again."""
    seed = request.config.getoption("--qtsecure-seed")
    links: list[_Link] = []

    def make(**settings: object) -> _Link:
        links.append(kind(**{"seed": seed, **settings}))
        return links[-1]

    yield make
    # Captured, so only a failing test shows it.
    for link in links:
        print(link)  # noqa: T201 - for whoever reads a failure
    if links:
        test = shlex.quote(_nameFromHere(request))
        print(f"to repeat these accidents: pytest {test} --qtsecure-seed={seed}")  # noqa: T201 - the same


def _nameFromHere(request: pytest.FixtureRequest) -> str:
    """The test's name as pytest takes it here: the folder of the call need not be the root, to which ids refer."""
    _, separator, inside = request.node.nodeid.partition("::")
    try:
        file = os.path.relpath(request.node.path, request.config.invocation_params.dir)
    except ValueError:  # another drive of Windows
        file = str(request.node.path)
    return f"{Path(file).as_posix()}{separator}{inside}"


def _end(*objects: QObject) -> None:
    """Close and delete what the test has not deleted."""
    from shiboken6 import delete, isValid

    for obj in filter(isValid, objects):
        obj.close()  # type: ignore[attr-defined]  # servers, sockets and peers have it
        if isValid(obj):
            delete(obj)

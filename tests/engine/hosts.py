"""TLS and DTLS alike for tests of the engine: a client and a server, and a server with virtual hosts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.events import ConfigurationNeeded, Event
from qtsecure.engine.host_table import HostTable
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.sessions import Session
from tests.engine.dtls.support import Network
from tests.engine.support import NUMBERS, Pair

AnyVersion = Literal["1.2", "1.3", "dtls"]
ANY_VERSION: tuple[AnyVersion, ...] = ("1.2", "1.3", "dtls")


def of_version(configuration: TlsConfiguration, version: AnyVersion) -> TlsConfiguration:
    """The same configuration for one version only."""
    number = ProtocolVersion.DTLS_1_2 if version == "dtls" else NUMBERS[version]
    return dataclasses.replace(configuration, minimum_version=number, maximum_version=number)


class AnyPair:
    """A client and a server; TLS and DTLS look the same from here.

    Args:
        version: The version, to which both configurations are limited.
        client: The client's configuration.
        server: The server's configuration.
        options: What Pair and Network both take.
    """

    def __init__(self, version: AnyVersion, client: TlsConfiguration, server: TlsConfiguration, **options: Any) -> None:
        self.version = version
        kind = Network if version == "dtls" else Pair
        self.pair: Any = kind(of_version(client, version), of_version(server, version), **options)

    @property
    def client(self) -> Any:
        """The client's stream or association."""
        return self.pair.client.association if self.version == "dtls" else self.pair.client.stream

    @property
    def server(self) -> Any:
        """The server's stream or association."""
        return self.pair.server.association if self.version == "dtls" else self.pair.server.stream


class Visit(AnyPair):
    """One client at a server with hosts.

    Args:
        version: The version, to which all configurations are limited.
        client: The client's configuration.
        hosts: The server's configurations by name.
        fallback: For names that are unknown, and for none; None refuses them.
    """

    def __init__(
        self,
        version: AnyVersion,
        client: TlsConfiguration,
        hosts: Mapping[str, TlsConfiguration],
        fallback: TlsConfiguration | None = None,
        *,
        name: str = "localhost",
        session: Session | None = None,
        **options: Any,
    ) -> None:
        self.hosts = HostTable({host: of_version(each, version) for host, each in hosts.items()})
        self.fallback = of_version(fallback, version) if fallback is not None else None
        base = self.fallback or next(each for _, each in self.hosts.items())
        super().__init__(
            version, client, base, name=name, session=session, server_chooses=True, place="here:1", **options
        )
        self.pair.server.react = self._choose

    def _choose(self, event: Event, now: float = 0.0) -> bool:
        if not isinstance(event, ConfigurationNeeded):
            return False
        chosen = self.hosts.find_untrusted(event.server_name) or self.fallback
        when = (now,) if self.version == "dtls" else ()
        if chosen is None:
            self.server.refuse_name("", *when)
        else:
            self.server.provide_configuration(chosen, *when)
        return True

    def run(self) -> Visit:
        """The handshake, whatever comes of it."""
        self.pair.handshake()
        return self

    @property
    def completed(self) -> bool:
        """Whether both sides are happy."""
        return bool(self.pair.client.completed and self.pair.server.completed)

    @property
    def reused(self) -> bool:
        """Whether a session was resumed."""
        return bool(self.client.session_reused() or self.server.session_reused())

    def session(self) -> Session | None:
        """What the client can resume, after data that brings tickets along."""
        self.pair.say(b"ticket", from_server=True)
        session: Session | None = self.client.session()
        return session

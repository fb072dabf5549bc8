"""The names that one server serves, each with a configuration of its own (SNI, RFC 6066, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from qtsecure.engine.host_names import InvalidHostName
from qtsecure.engine.host_table import HostTable
from qtsecure.errors import SecureError
from qtsecure.net.values.tls_settings import HasSettings, TlsSettings, UnknownHostPolicy

if TYPE_CHECKING:
    from qtsecure.net.values.ssl_configuration import ConfigurationSource, SslConfiguration

__all__ = ["VirtualHosting"]

_Own = TypeVar("_Own", bound="VirtualHosting")


class VirtualHosting(HasSettings):
    """A part of SslConfiguration."""

    __slots__ = ()

    def virtualHosts(self: _Own) -> dict[str, _Own]:
        """Return the configurations by name, the names in their normal form."""
        return {name: self._with(settings) for name, settings in self._settings.virtualHosts.items()}

    def setVirtualHosts(self, hosts: Mapping[str, ConfigurationSource]) -> None:
        """Serve several names, each with a configuration of its own; an empty mapping serves all alike.

        The configuration of the name that a client asks for counts whole: certificate, verification of
        clients and the authorities for it, versions, cipher suites, application protocols, tickets. Nothing is
        inherited from this one, and no session of one host is resumed at another with other settings.

        Args:
            hosts: Configurations by name: a DNS name, also an international one, or ``"*."`` and a name,
                which stands for every name with one label more. An exact name goes before a wildcard.

        A host without a certificate serves clients with pre-shared keys alone, and says so with a
        preSharedKeyIdentityHint(). Somebody has to answer the server's preSharedKeyAuthenticationRequired
        then; otherwise the host's clients are refused.

        Raises:
            SecureError: A configuration has no certificate or key (and no hint either), or has virtual hosts
                itself.
            TypeError: ``hosts`` is no mapping of strings to configurations.
            ValueError: A name is no name of a host, or is there twice.
        """
        if not isinstance(hosts, Mapping):
            raise TypeError(f"hosts must map names to configurations, not be a {type(hosts).__name__}")
        try:
            table = HostTable({name: self._hostSettings(name, source) for name, source in hosts.items()})
        except InvalidHostName as error:
            raise ValueError(f"hosts: {error}") from None
        self._settings = replace(self._settings, virtualHosts=table)

    def unknownHostPolicy(self) -> UnknownHostPolicy:
        """Return what becomes of clients that ask for another name, or for none."""
        return self._settings.unknownHosts

    def setUnknownHostPolicy(self, policy: UnknownHostPolicy) -> None:
        """Set what becomes of clients that ask for no name of :meth:`setVirtualHosts`.

        With ``Refuse`` this configuration needs no certificate of its own.

        Raises:
            TypeError: ``policy`` is of another type.
        """
        if not isinstance(policy, UnknownHostPolicy):
            raise TypeError(f"policy must be an UnknownHostPolicy, not {type(policy).__name__}")
        self._settings = replace(self._settings, unknownHosts=policy)

    # For our own layers

    def hasVirtualHosts(self) -> bool:
        """Whether there are any."""
        return bool(self._settings.virtualHosts)

    def hostConfiguration_untrusted(self: _Own, serverName: bytes | None) -> _Own | None:
        """Return what is for a client that has sent this name; None for nothing at all."""
        settings = self._settings
        found = settings.virtualHosts.find_untrusted(serverName)
        if found is not None:
            return self._with(found)
        if settings.virtualHosts and settings.unknownHosts is UnknownHostPolicy.Refuse:
            return None
        return self._with(settings.withoutHosts())

    def _with(self: _Own, settings: TlsSettings) -> _Own:
        result = type(self)()
        result._settings = settings
        return result

    def _hostSettings(self, name: str, source: ConfigurationSource) -> TlsSettings:
        # The constructor knows all kinds of sources; this module comes before its own.
        make: type[SslConfiguration] = type(self)  # type: ignore[assignment]  # its only subclass
        if source is None:
            raise TypeError(f"hosts[{name!r}] must be a configuration, not None")
        settings = make(source)._settings
        if settings.virtualHosts:
            raise SecureError(
                SecureError.Code.InvalidArgument, f"The configuration of the virtual host {name!r} has virtual hosts."
            )
        hasNeither = not settings.certificateChain and settings.privateKey is None
        hasBoth = bool(settings.certificateChain) and settings.privateKey is not None
        if not hasBoth and not (hasNeither and settings.identityHint):
            missing = "private key" if settings.certificateChain else "certificate"
            raise SecureError(
                SecureError.Code.BadCertificate,
                f"The configuration of the virtual host {name!r} has no {missing}; see SslConfiguration.forServer(), "
                "or setPreSharedKeyIdentityHint() for a host that takes pre-shared keys alone.",
            )
        return settings

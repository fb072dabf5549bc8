"""Which configuration an association begins with, and which name its server has to prove."""

from __future__ import annotations

from qtsecure.net.dtls_peer.messages import Messages
from qtsecure.net.values import ConfigurationSource, SslConfiguration, TlsOptions, configurationFrom

__all__ = ["Configuring"]


class Configuring(Messages):
    """The configuration methods of DtlsPeer."""

    _nameOverride = ""
    """Of the TlsOptions that setSslConfiguration() was given."""
    _standing: SslConfiguration | None = None
    """What setSslConfiguration() was given, while the options of one association are in its place."""

    def sslConfiguration(self) -> SslConfiguration:
        """A copy of the configuration for the next handshake."""
        return SslConfiguration(self._configuration if self._standing is None else self._standing)

    def setSslConfiguration(self, configuration: ConfigurationSource) -> None:
        """Use this configuration (a copy of it) for the next handshake.

        ``Protocol.SecureProtocols``, which is the default, stands for DTLS 1.2 here. TlsOptions may
        bring along the name that the server has to prove.

        Raises:
            TypeError, ValueError: For anything else, and for the TlsOptions of a server.
        """
        self._configuration = configurationFrom(configuration, role="client")
        if (name := _nameIn(configuration)) != self._nameOverride:
            self._nameOverride = name
        if self._standing is not None:
            self._standing = None

    def _lend(self, options: ConfigurationSource | None) -> str:
        """Use these options for one association, or none; the name that the server has to prove, or empty."""
        configuration = None if options is None else configurationFrom(options)
        if self._standing is not None:
            self._configuration, self._standing = self._standing, None
        if options is None or configuration is None:
            return self._nameOverride
        self._standing, self._configuration = self._configuration, configuration
        return _nameIn(options)


def _nameIn(configuration: ConfigurationSource) -> str:
    return configuration.commonNameOverride() if isinstance(configuration, TlsOptions) else ""

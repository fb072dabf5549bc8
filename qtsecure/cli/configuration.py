"""The TLS settings that the options of a command ask for."""

from __future__ import annotations

import argparse
from pathlib import Path

from PySide6.QtNetwork import QSslSocket

from qtsecure import SecureError, SslConfiguration

__all__ = ["UsageError", "clientConfiguration", "serverConfiguration"]

_Mode = QSslSocket.PeerVerifyMode


class UsageError(Exception):
    """Options that contradict each other, or an unusable file; the text is for the user."""


def serverConfiguration(options: argparse.Namespace) -> SslConfiguration:
    """The settings of ``serve``.

    Raises:
        UsageError: The options cannot be used.
    """
    _requirePair(options)
    if not options.cert and not options.psk:
        raise UsageError("A server needs --cert and --key, or --psk.")
    if options.require_client_cert and not options.ca:
        raise UsageError("--require-client-cert needs --ca: whose certificates are to be accepted?")
    if options.require_client_cert and options.psk:
        raise UsageError("--require-client-cert and --psk exclude each other: with a key, clients show no certificate.")
    if len({key.identity for key in options.psk}) < len(options.psk):
        raise UsageError("Two --psk have the same identity; a client can have one key only.")
    try:
        if options.cert:
            configuration = _ownCertificate(options, None)
        else:
            configuration = SslConfiguration.defaultConfiguration()
            configuration.setCaCertificates([])
        if options.ca:
            configuration.setCaCertificates(Path(options.ca))
        if options.require_client_cert:
            configuration.setPeerVerifyMode(_Mode.VerifyPeer)
            configuration.setMissingCertificateIsFatal(True)
        else:
            configuration.setPeerVerifyMode(_Mode.QueryPeer if options.ca else _Mode.VerifyNone)
        configuration.setAllowedNextProtocols(options.alpn)
    except SecureError as error:
        raise _fileError(error, options) from None
    return configuration


def clientConfiguration(options: argparse.Namespace) -> SslConfiguration:
    """The settings of ``connect``.

    Raises:
        UsageError: The options cannot be used.
    """
    _requirePair(options)
    try:
        configuration = SslConfiguration.forClient([])
        if options.cert:
            configuration = _ownCertificate(options, configuration)
        if options.ca:
            configuration.setCaCertificates(Path(options.ca))
        elif options.psk:
            # The key alone proves who the server is, and has to be used then.
            configuration.setPeerVerifyMode(_Mode.VerifyNone)
        elif not options.insecure or _hasSystemRoots():
            configuration.setCaCertificates(None)
        configuration.setAllowedNextProtocols(options.alpn)
    except SecureError as error:
        raise _fileError(error, options) from None
    return configuration


def _requirePair(options: argparse.Namespace) -> None:
    if bool(options.cert) != bool(options.key):
        raise UsageError("--cert and --key belong together.")


def _ownCertificate(options: argparse.Namespace, configuration: SslConfiguration | None) -> SslConfiguration:
    own = SslConfiguration.forServer(Path(options.cert), Path(options.key))
    if configuration is None:
        return own
    configuration.setLocalCertificateChain(own.localCertificateChain())
    configuration.setPrivateKey(own.privateKey())
    return configuration


def _hasSystemRoots() -> bool:
    try:
        return bool(SslConfiguration.systemCaCertificates())
    except SecureError:
        return False


def _fileError(error: SecureError, options: argparse.Namespace) -> UsageError:
    if error.code is SecureError.Code.BadCertificatePassword:
        return UsageError(
            f"The private key {options.key!r} is encrypted; decrypt it first, for example with "
            f"'openssl pkey -in {options.key} -out plain-key.pem'."
        )
    return UsageError(error.message)

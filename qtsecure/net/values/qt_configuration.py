"""SslConfiguration to and from Qt's type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSsl, QSslConfiguration, QSslKey

from qtsecure.engine.certificates import PrivateKey
from qtsecure.errors import SecureError
from qtsecure.net.values.ssl_cipher import SslCipher
from qtsecure.net.values.tls_settings import SystemRoots, TlsSettings

if TYPE_CHECKING:
    from qtsecure.net.values.ssl_configuration import SslConfiguration

__all__ = ["readInto", "write"]


def readInto(target: SslConfiguration, source: QSslConfiguration) -> None:
    """Set on ``target`` what ``source`` says; see :meth:`SslConfiguration.fromQt`."""
    if not isinstance(source, QSslConfiguration):
        raise TypeError(f"configuration must be a QSslConfiguration, not {type(source).__name__}")
    default = QSslConfiguration.defaultConfiguration()
    target.setProtocol(source.protocol())
    target.setPeerVerifyMode(source.peerVerifyMode())
    target.setPeerVerifyDepth(source.peerVerifyDepth())
    target.setLocalCertificateChain(source.localCertificateChain())
    if not source.privateKey().isNull():
        target.setPrivateKey(source.privateKey())
    # Qt's own default list contains suites that are out of date; it stands for "no preference".
    if source.ciphers() != default.ciphers():
        target.setCiphers(source.ciphers())
    if _hasOwnAuthorities(source):
        target.setCaCertificates(source.caCertificates())
    elif source.caCertificates():
        target.setCaCertificates(None)
    target.setAllowedNextProtocols(source.allowedNextProtocols())
    target.setPreSharedKeyIdentityHint(source.preSharedKeyIdentityHint())
    target.setMissingCertificateIsFatal(source.missingCertificateIsFatal())
    target.setHandshakeMustInterruptOnError(source.handshakeMustInterruptOnError())
    target.setOcspStaplingEnabled(source.ocspStaplingEnabled())
    for option in QSsl.SslOption:
        target.setSslOption(option, source.testSslOption(option))


def _hasOwnAuthorities(source: QSslConfiguration) -> bool:
    # Whether the system's roots are still loaded on demand has no getter, but takes part in ==:
    # setting the list switches it off.
    probe = QSslConfiguration(source)
    probe.setCaCertificates(source.caCertificates())
    return probe == source


def write(settings: TlsSettings) -> QSslConfiguration:
    """Return Qt's type for ``settings``; see :meth:`SslConfiguration.toQt`."""
    result = QSslConfiguration.defaultConfiguration()
    if settings.systemRoots is SystemRoots.OnDemand:
        result = QSslConfiguration()
    result.setProtocol(settings.protocol.toQt())
    result.setPeerVerifyMode(settings.peerVerifyMode)
    result.setPeerVerifyDepth(settings.peerVerifyDepth)
    result.setLocalCertificateChain([certificate.toQt() for certificate in settings.certificateChain])
    if settings.privateKey is not None:
        result.setPrivateKey(_qtKey(settings.privateKey.key))
    if settings.cipherNames:
        result.setCiphers([_known(SslCipher(name)).toQt() for name in settings.cipherNames])
    authorities = [certificate.toQt() for certificate in settings.authorities]
    if settings.systemRoots is SystemRoots.Off:
        result.setCaCertificates(authorities)
    elif authorities:
        result.addCaCertificates(authorities)
    result.setAllowedNextProtocols([QByteArray(name) for name in settings.applicationProtocols])
    result.setPreSharedKeyIdentityHint(settings.identityHint)
    result.setMissingCertificateIsFatal(settings.missingCertificateIsFatal)
    result.setHandshakeMustInterruptOnError(settings.interruptOnError)
    result.setOcspStaplingEnabled(settings.ocspStapling)
    for option in QSsl.SslOption:
        result.setSslOption(option, option in settings.options)
    return result


def _known(cipher: SslCipher) -> SslCipher:
    if cipher.toQt().isNull():
        raise SecureError(
            SecureError.Code.NotSupported,
            f"Qt's TLS backend does not know the cipher suite {cipher.name()}; remove it from setCiphers.",
        )
    return cipher


def _qtKey(key: PrivateKey) -> QSslKey:
    algorithm: QSsl.KeyAlgorithm | None = None
    if isinstance(key, RSAPrivateKey):
        algorithm = QSsl.KeyAlgorithm.Rsa
    elif isinstance(key, EllipticCurvePrivateKey):
        algorithm = QSsl.KeyAlgorithm.Ec
    if algorithm is not None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        result = QSslKey(QByteArray(pem), algorithm, QSsl.EncodingFormat.Pem, QSsl.KeyType.PrivateKey)
        if not result.isNull():
            return result
    raise SecureError(
        SecureError.Code.NotSupported,
        f"Qt's TLS backend cannot hold this {type(key).__name__.removesuffix('PrivateKey')} key; "
        "use the configuration with qtsecure's own sockets.",
    )

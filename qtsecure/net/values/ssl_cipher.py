"""A cipher suite as a value."""

from __future__ import annotations

import re

from PySide6.QtNetwork import QSsl, QSslCipher

from qtsecure.engine.ciphers import iana_name
from qtsecure.engine.supported import supported_cipher_names
from qtsecure.net.values.protocol import Protocol

__all__ = ["SslCipher"]

_KEY_BITS = re.compile(r"(?:AES|ARIA|CAMELLIA)[-_]?(128|256)")

_PROTOCOL_STRINGS = {
    Protocol.TlsV1_2: "TLSv1.2",
    Protocol.TlsV1_3: "TLSv1.3",
    Protocol.DtlsV1_2: "DTLSv1.2",
    Protocol.DtlsV1_3: "DTLSv1.3",
}


class SslCipher:
    """An immutable cipher suite; methods follow ``QSslCipher``.

    Equal and hashable by name and protocol, as in Qt; a null one is false. Usable from any thread.

    Args:
        cipher: OpenSSL's name of the suite or a ``QSslCipher``. A name that the engine does not
            know gives a null cipher, as in Qt.
        protocol: The version it is used with; None for the one it belongs to (TLS 1.3 or 1.2).
        keyExchangeGroup: On the cipher of a session: the name of the group, such as ``X25519``.

    Raises:
        TypeError: ``cipher`` is of another type.
    """

    __slots__ = ("_group", "_name", "_protocol")

    def __init__(
        self,
        cipher: str | QSslCipher = "",
        protocol: Protocol | QSsl.SslProtocol | None = None,
        *,
        keyExchangeGroup: str = "",
    ) -> None:
        name = cipher.name() if isinstance(cipher, QSslCipher) else cipher
        if not isinstance(name, str):
            raise TypeError(f"cipher must be a name or a QSslCipher, not {type(cipher).__name__}")
        self._name = name if name and name in supported_cipher_names() else ""
        self._group = keyExchangeGroup if self._name else ""
        if not self._name:
            self._protocol = Protocol.Unknown
        elif protocol is not None:
            self._protocol = protocol if isinstance(protocol, Protocol) else Protocol.fromQt(protocol)
        else:
            self._protocol = Protocol.TlsV1_3 if name.startswith("TLS_") else Protocol.TlsV1_2

    @staticmethod
    def fromQt(cipher: QSslCipher) -> SslCipher:
        """Return the suite of Qt's type; null where the engine does not know it."""
        if not isinstance(cipher, QSslCipher):
            raise TypeError(f"cipher must be a QSslCipher, not {type(cipher).__name__}")
        return SslCipher(cipher)

    def isNull(self) -> bool:
        """Whether this is no cipher suite at all."""
        return not self._name

    def name(self) -> str:
        """Return OpenSSL's name, such as ``ECDHE-RSA-AES128-GCM-SHA256``."""
        return self._name

    def ianaName(self) -> str:
        """Return the registered name, such as ``TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256``."""
        return iana_name(self._name)

    def usedBits(self) -> int:
        """Return the number of key bits of the encryption; 0 for a null cipher."""
        if match := _KEY_BITS.search(self._name):
            return int(match[1])
        if "CHACHA20" in self._name:
            return 256
        # What remains is IDEA and SEED.
        return 128 if self._name else 0

    def supportedBits(self) -> int:
        """Return the same as :meth:`usedBits`: none of the suites uses only a part of its key."""
        return self.usedBits()

    def protocol(self) -> Protocol:
        """Return the protocol version the suite is used with."""
        return self._protocol

    def protocolString(self) -> str:
        """Return the protocol version as OpenSSL writes it, such as ``TLSv1.3``."""
        return _PROTOCOL_STRINGS.get(self._protocol, "")

    def keyExchangeGroup(self) -> str:
        """Return the group of the key exchange; empty unless this is the cipher of a session."""
        return self._group

    def toQt(self) -> QSslCipher:
        """Return Qt's type; it is null where Qt's TLS backend does not know the suite."""
        return QSslCipher(self._name)

    def __bool__(self) -> bool:
        return bool(self._name)  # as PySide's type

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SslCipher):
            return NotImplemented
        return (self._name, self._protocol) == (other._name, other._protocol)

    def __hash__(self) -> int:
        return hash((self._name, self._protocol))

    def __copy__(self) -> SslCipher:
        return self

    def __deepcopy__(self, memo: object) -> SslCipher:
        return self

    def __repr__(self) -> str:
        return f"<SslCipher {self._name} {self.protocolString()}>" if self._name else "SslCipher()"

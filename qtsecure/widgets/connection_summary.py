"""A connection in a few words: for tool tips and for those who cannot see them."""

from __future__ import annotations

import html

from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QAbstractSocket

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.questions.error_words import errorWords
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import Protocol
from qtsecure.net.values.distinguished_names import printable
from qtsecure.widgets.connection_watch import ConnectionState, failureOf
from qtsecure.widgets.labels import shownName

__all__ = ["connectionFacts", "factsAsHtml", "factsAsText", "peerNameOf", "stateWord"]

Facts = list[tuple[str, str]]

_VERSIONS = {
    Protocol.TlsV1_2: "TLS 1.2",
    Protocol.TlsV1_3: "TLS 1.3",
    Protocol.DtlsV1_2: "DTLS 1.2",
    Protocol.DtlsV1_3: "DTLS 1.3",
}


def stateWord(state: ConnectionState) -> str:
    """Return a word or two for a state."""
    translate = QCoreApplication.translate
    words = {
        ConnectionState.NotConnected: translate("ConnectionState", "Not connected"),
        ConnectionState.Connecting: translate("ConnectionState", "Connecting…"),
        ConnectionState.Unencrypted: translate("ConnectionState", "Not encrypted"),
        ConnectionState.Encrypted: translate("ConnectionState", "Encrypted"),
        ConnectionState.EncryptedWithErrors: translate("ConnectionState", "Encrypted, not verified"),
        ConnectionState.Failed: translate("ConnectionState", "Failed"),
    }
    return words[state]


def peerNameOf(connection: SslSocket | DtlsPeer) -> str:
    """Return the name that the peer was asked for, or else its address."""
    if isinstance(connection, SslSocket):
        name = connection.peerVerifyName() or connection.peerName()
        if name:
            return shownName(name)
    address = connection.peerAddress()
    host = address.toString()
    if not host:
        return ""
    if address.protocol() == QAbstractSocket.NetworkLayerProtocol.IPv6Protocol:
        host = f"[{host}]"
    return f"{host}:{connection.peerPort()}"


def connectionFacts(connection: SslSocket | DtlsPeer | None, state: ConnectionState) -> Facts:
    """Return what is known of a connection, as pairs of label and text."""
    translate = QCoreApplication.translate
    if connection is None:
        return []
    facts = [(translate("ConnectionFacts", "Peer"), peerNameOf(connection))]
    if state is ConnectionState.Failed:
        facts.append((translate("ConnectionFacts", "Reason"), printable(failureOf(connection))))
    if state in (ConnectionState.Encrypted, ConnectionState.EncryptedWithErrors):
        chain = connection.peerCertificateChain()
        name = shownName(chain[0].subjectDisplayName()) if chain else translate("ConnectionFacts", "none")
        protocol = connection.sessionProtocol()
        facts += [
            (translate("ConnectionFacts", "Certificate"), name),
            (translate("ConnectionFacts", "Protocol"), _VERSIONS.get(protocol, protocol.name)),
            (translate("ConnectionFacts", "Cipher"), connection.sessionCipher().name()),
            (translate("ConnectionFacts", "Key exchange"), connection.keyExchangeGroup()),
        ]
        problems = dict.fromkeys(errorWords(error) for error in connection.sslHandshakeErrors())
        facts += [(translate("ConnectionFacts", "Accepted error"), problem) for problem in problems]
    return [(label, text) for label, text in facts if text]


def factsAsText(title: str, facts: Facts) -> str:
    """Return it in lines, as screen readers want it."""
    return "\n".join([title, *(f"{label}: {text}" for label, text in facts)])


def factsAsHtml(title: str, facts: Facts) -> str:
    """Return it as a small table for a tool tip; what the peer says stays text."""
    rows = "".join(
        f"<tr><td style='padding-right: 8px'>{html.escape(label)}:</td><td>{html.escape(text)}</td></tr>"
        for label, text in facts
    )
    return f"<b>{html.escape(title)}</b><table>{rows}</table>" if rows else f"<b>{html.escape(title)}</b>"

"""What the tests of Qt's semantics share."""

from __future__ import annotations

from PySide6.QtNetwork import QAbstractSocket

from qtsecure import SslSocket
from tests.net.conversation import Conversation

CONNECTING = ["stateChanged HostLookupState", "stateChanged ConnectingState", "hostFound"]
CONNECTED = ["stateChanged ConnectedState", "modeChanged SslClientMode", "connected"]
UNCONNECTED = ["stateChanged UnconnectedState", "readChannelFinished", "disconnected"]
GOODBYE = ["stateChanged ClosingState", "alertSent Warning CloseNotify", *UNCONNECTED]

SocketError = QAbstractSocket.SocketError


def anotherClient(conversation: Conversation) -> SslSocket:
    """One more client of the conversation's server, which owns it."""
    client = SslSocket(conversation.server)
    client.setSslConfiguration(conversation.clientConfiguration)
    client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    return client

"""Keeps the positions of many players in step: python server.py CERTIFICATE KEY [PORT].

Each player sends where it is; twenty times a second everybody gets where the others are. A lost datagram
does not matter, since the next one replaces it; an old one that arrives late is told by its number.
"""

import json
import sys

from PySide6.QtCore import QCoreApplication, QTimer

from qtsecure import DtlsServer, SslConfiguration

if len(sys.argv) < 3:
    sys.exit("usage: server.py CERTIFICATE KEY [PORT]")
app = QCoreApplication(sys.argv)
server = DtlsServer()
server.setSslConfiguration(SslConfiguration.forServer(sys.argv[1], sys.argv[2]))
server.setIdleTimeout(10_000)  # who has sent nothing for so long is gone
players: dict[str, "Player"] = {}


class Player:
    def __init__(self, peer):
        self.peer, self.number, self.position = peer, -1, None
        peer.datagramReceived.connect(self.moved)
        peer.disconnected.connect(self.left)
        players[f"{peer.peerAddress().toString()}:{peer.peerPort()}"] = self

    def moved(self, message):
        try:
            news = json.loads(message)
            number, (x, y) = int(news["number"]), map(int, news["position"])
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            return  # anybody may send anything; what goes to the others is small and of this form
        if number > self.number and max(abs(x), abs(y)) < 1_000_000:
            self.number, self.position = number, [x, y]

    def left(self):
        for name in [name for name, player in players.items() if player is self]:
            del players[name]
        self.peer.deleteLater()


def welcome():
    while (peer := server.nextPendingConnection()) is not None:
        Player(peer)


def tell():
    positions = {name: player.position for name, player in players.items() if player.position}
    for player in list(players.values()):
        # As many as fit into one datagram; with more players, send those that are near.
        message = json.dumps(positions).encode()
        if len(message) <= player.peer.maxDatagramSize():
            player.peer.writeDatagram(message)


ticks = QTimer(interval=50)
ticks.timeout.connect(tell)
ticks.start()
server.pendingConnectionAvailable.connect(welcome)
if not server.listen("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 5685):
    sys.exit(server.errorString())
print("listening on", server.serverPort(), flush=True)
sys.exit(app.exec())

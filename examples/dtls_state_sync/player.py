"""Players who walk about and watch each other: python player.py AUTHORITY PORT [HOW_MANY [SECONDS]]."""

import json
import random
import sys

from PySide6.QtCore import QCoreApplication, QTimer

from qtsecure import DtlsPeer, SslConfiguration

if len(sys.argv) < 3:
    sys.exit("usage: player.py CA-CERTIFICATE PORT [PLAYERS [SECONDS]]")
app = QCoreApplication(sys.argv)
configuration = SslConfiguration.forClient(sys.argv[1])
many = int(sys.argv[3]) if len(sys.argv) > 3 else 1
seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 0


class Player:
    def __init__(self):
        self.number, self.position, self.seen = 0, [0, 0], {}
        self.peer = DtlsPeer()
        self.peer.datagramReceived.connect(self.told)
        self.peer.errorOccurred.connect(lambda error: print(error.message, file=sys.stderr))
        self.peer.connectToHost("localhost", int(sys.argv[2]), configuration=configuration)

    def told(self, message):
        self.seen = json.loads(message)

    def move(self):
        if self.peer.isEncrypted():
            self.number += 1
            self.position = [each + random.choice((-1, 0, 1)) for each in self.position]
            self.peer.writeDatagram(json.dumps({"number": self.number, "position": self.position}).encode())


def end():
    for player in players:
        player.peer.close()
    print("players seen:", sorted(len(player.seen) for player in players), flush=True)
    app.quit()


players = [Player() for _ in range(many)]
steps = QTimer(interval=50)
steps.timeout.connect(lambda: [player.move() for player in players])
steps.start()
if seconds:
    QTimer.singleShot(int(seconds * 1000), end)
sys.exit(app.exec())

"""Telemetry over DTLS: three simulated sensors send measurements, a dashboard draws them. python dashboard.py

Everything is in one process, and needs no set-up: the authority lives as long as the program. Real sensors would be
elsewhere, and would have the authority's certificate in a file.
"""

from __future__ import annotations

import json
import math
import random
import sys

from plot import makePlot
from PySide6.QtCore import QObject, QSize, QTimer, Slot
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from qtsecure import DtlsPeer, DtlsServer, SslConfiguration
from qtsecure.testing import PublicKeyInfrastructure
from qtsecure.widgets import ConnectionBadge, HandshakeLog

NAMES = ("kitchen", "cellar", "roof")
PERIOD_MS = 100


class Dashboard(QWidget):
    """Listens, and draws what comes.

    Args:
        configuration: The certificate of the server, and its key.
    """

    def __init__(self, configuration: SslConfiguration) -> None:
        super().__init__()
        self.setWindowTitle("DTLS dashboard")
        self.plot = makePlot()
        self.log = HandshakeLog()
        self.status = QLabel()
        self.received = 0
        self._badges = QHBoxLayout()
        self._badges.addWidget(self.status, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(self._badges)
        layout.addWidget(self.plot, 2)
        layout.addWidget(self.log, 1)
        self.server = DtlsServer(self)
        self.server.setSslConfiguration(configuration)
        self.server.pendingConnectionAvailable.connect(self._welcome)
        self.log.addConnection(self.server, "server")

    def listen(self) -> bool:
        """Begin."""
        listening = self.server.listen("127.0.0.1", 0)
        self.status.setText(
            f"Listening on UDP port {self.server.serverPort()}" if listening else self.server.errorString()
        )
        return listening

    def sizeHint(self) -> QSize:
        return QSize(760, 600)

    @Slot()
    def _welcome(self) -> None:
        while (peer := self.server.nextPendingConnection()) is not None:
            badge = ConnectionBadge()
            badge.setTextVisible(False)
            badge.setConnection(peer)
            self._badges.addWidget(badge)
            peer.datagramReceived.connect(self._measured)
            peer.disconnected.connect(badge.deleteLater)
            peer.disconnected.connect(peer.deleteLater)

    @Slot(object)
    def _measured(self, message: bytes) -> None:
        try:
            fields = json.loads(message)
            name, value = str(fields["name"])[:30], float(fields["celsius"])
        except (ValueError, KeyError, TypeError):
            return  # whoever has no certificate to show may send anything
        if math.isfinite(value) and (name in self.plot.curves or len(self.plot.curves) < 8):
            self.received += 1
            self.plot.add(name, value)


class Sensor(QObject):
    """Measures, and begins anew when the connection is lost."""

    def __init__(self, name: str, configuration: SslConfiguration, port: int) -> None:
        super().__init__()
        self._name, self._port, self._phase = name, port, random.random() * 6
        self._celsius = random.uniform(12, 24)
        self.peer = DtlsPeer(self)
        self.peer.setSslConfiguration(configuration)
        self._timer = QTimer(self, interval=PERIOD_MS)
        self._timer.timeout.connect(self._measure)
        self._retry = QTimer(self, interval=1000, singleShot=True)
        self._retry.timeout.connect(self.start)
        self.peer.encrypted.connect(self._timer.start)
        self.peer.disconnected.connect(self._lost)

    @Slot()
    def start(self) -> None:
        """Connect."""
        self.peer.connectToHost("localhost", self._port)

    def stop(self) -> None:
        """Say goodbye."""
        self.peer.disconnected.disconnect(self._lost)
        self._timer.stop()
        self._retry.stop()
        self.peer.close()

    @Slot()
    def _measure(self) -> None:
        self._phase += 0.05
        celsius = self._celsius + math.sin(self._phase) + random.gauss(0, 0.08)
        self.peer.writeDatagram(json.dumps({"name": self._name, "celsius": round(celsius, 2)}).encode())

    @Slot()
    def _lost(self) -> None:
        self._timer.stop()
        self._retry.start()


def makeAll() -> tuple[Dashboard, list[Sensor]]:
    """The dashboard, and its sensors."""
    pki = PublicKeyInfrastructure()
    dashboard = Dashboard(SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey))
    if not dashboard.listen():
        sys.exit(dashboard.server.errorString())
    trust = SslConfiguration.forClient([pki.ca.certificate])
    sensors = [Sensor(name, trust, dashboard.server.serverPort()) for name in NAMES]
    return dashboard, sensors


def main() -> int:
    """Show the window until it is closed."""
    app = QApplication.instance() or QApplication(sys.argv)
    dashboard, sensors = makeAll()
    for sensor in sensors:
        sensor.start()
    dashboard.show()
    code = app.exec()
    for sensor in sensors:
        sensor.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())

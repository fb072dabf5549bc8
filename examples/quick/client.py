from PySide6.QtCore import QCoreApplication

from qtsecure import SslConfiguration, SslSocket

app = QCoreApplication([])
socket = SslSocket()
socket.setSslConfiguration(SslConfiguration.forClient("server.pem"))


def answer():
    print(socket.sessionProtocol().name, "->", socket.readAll().data().decode())
    socket.disconnected.connect(app.quit)
    socket.disconnectFromHost()


socket.encrypted.connect(lambda: socket.write(b"hello"))
socket.readyRead.connect(answer)
socket.errorOccurred.connect(lambda: (print(socket.errorString()), app.exit(1)))
socket.connectToHostEncrypted("localhost", 4433)
raise SystemExit(app.exec())

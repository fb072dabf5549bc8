from PySide6.QtCore import QCoreApplication

from qtsecure import SslConfiguration, SslServer

app = QCoreApplication([])
server = SslServer()
server.setSslConfiguration(SslConfiguration.forServer("server.pem", "server-key.pem"))


def welcome():
    socket = server.nextPendingConnection()
    socket.readyRead.connect(lambda: socket.write(socket.readAll()))
    socket.disconnected.connect(socket.deleteLater)


server.pendingConnectionAvailable.connect(welcome)
if not server.listen("127.0.0.1", 4433):
    raise SystemExit(server.errorString())
print("listening on port", server.serverPort())
app.exec()

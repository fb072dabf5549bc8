"""Qt's C++ writers: they reach the peer through a SocketWriter, and fail cleanly without."""

from __future__ import annotations

import subprocess
import sys

import pytest
from PySide6.QtCore import (
    QByteArray,
    QCryptographicHash,
    QDataStream,
    QIODevice,
    QObject,
    QTextStream,
    QXmlStreamReader,
    QXmlStreamWriter,
)
from PySide6.QtGui import QColor, QImage, QImageReader, QImageWriter

from qtsecure import SocketWriter
from qtsecure.net.ssl_socket import SslSocket
from tests.net.conversation import Conversation, State, settle, spin

pytestmark = pytest.mark.usefixtures("transport_mode")

_BINARY = bytes(range(256)) * 10  # zeros, and no UTF-8


def test_a_data_stream(conversation: Conversation) -> None:
    """Written by C++ here, read by C++ there, zero bytes and all."""
    peer = conversation.establish()
    writer = SocketWriter(conversation.client)
    stream = QDataStream(writer)
    stream.writeInt32(-2)
    stream.writeQString("grüße")
    stream << QByteArray(_BINARY)
    assert stream.status() == QDataStream.Status.Ok
    size = 4 + 4 + 2 * 5 + 4 + len(_BINARY)
    spin(lambda: peer.bytesAvailable() == size)
    reader = QDataStream(peer)
    assert reader.readInt32() == -2
    assert reader.readQString() == "grüße"
    received = QByteArray()
    reader >> received
    assert received == QByteArray(_BINARY)
    assert reader.status() == QDataStream.Status.Ok


def test_text_and_xml(conversation: Conversation) -> None:
    """One writer for several."""
    peer = conversation.establish()
    writer = SocketWriter(conversation.client)
    text = QTextStream(writer)
    text << "zwölf\n"
    text.flush()
    xml = QXmlStreamWriter(writer)
    xml.writeStartElement("a")
    xml.writeTextElement("b", "text")
    xml.writeEndElement()
    spin(lambda: peer.bytesAvailable() == len("zwölf\n".encode()) + len("<a><b>text</b></a>"))
    assert QTextStream(peer.readLine()).readAll() == "zwölf\n"
    reader = QXmlStreamReader(peer)
    assert reader.readNextStartElement()
    assert reader.name() == "a"
    assert reader.readNextStartElement()
    assert reader.readElementText() == "text"


@pytest.mark.parametrize("kind", ["png", "bmp", "ppm"])
def test_an_image(conversation: Conversation, kind: str) -> None:
    """QImageWriter to QImageReader, which finds out the format by itself."""
    peer = conversation.establish()
    image = QImage(20, 10, QImage.Format.Format_RGB32)
    image.fill(QColor(10, 20, 30))
    writer = SocketWriter(conversation.client)
    assert QImageWriter(writer, kind.encode()).write(image)
    assert writer.flush()
    conversation.client.disconnectFromHost()
    conversation.waitForClientEnd()
    spin(lambda: peer.state() == State.UnconnectedState)
    reader = QImageReader(peer)
    assert reader.format() == QByteArray(kind.encode())
    assert reader.read().pixelColor(5, 5) == QColor(10, 20, 30)


def test_hashing_a_device(conversation: Conversation) -> None:
    """QCryptographicHash reads to the end of what is there."""
    peer = conversation.establish()
    conversation.client.write(_BINARY)
    spin(lambda: peer.bytesAvailable() == len(_BINARY))
    digest = QCryptographicHash(QCryptographicHash.Algorithm.Sha256)
    assert digest.addData(peer)
    assert digest.result() == QCryptographicHash.hash(_BINARY, QCryptographicHash.Algorithm.Sha256)


def test_flush_keeps_the_order(conversation: Conversation) -> None:
    """With what Python writes itself."""
    peer = conversation.establish()
    writer = SocketWriter(conversation.client)
    text = QTextStream(writer)
    for number in range(3):
        text << f"c{number} "
        text.flush()
        assert writer.flush()
        conversation.client.write(b"p%d " % number)
    spin(lambda: peer.bytesAvailable() == 18)
    assert peer.readBytes() == b"c0 p0 c1 p1 c2 p2 "
    assert writer.flush()  # nothing to do


def test_a_write_limit(conversation: Conversation) -> None:
    """What the socket has no room for stays in the writer and follows."""
    peer = conversation.establish()
    conversation.client.setWriteBufferLimit(1000)
    writer = SocketWriter(conversation.client)
    stream = QDataStream(writer)
    stream.writeRawData(_BINARY)
    assert not writer.flush()
    assert writer.size() == len(_BINARY) - 1000
    stream.writeRawData(b"behind it")
    spin(lambda: peer.bytesAvailable() == len(_BINARY) + 9)
    assert peer.readBytes() == _BINARY + b"behind it"


def test_after_the_end(conversation: Conversation) -> None:
    """What is written then is dropped, and flush() says so; the next connection works again."""
    conversation.establish()
    writer = SocketWriter(conversation.client)
    conversation.client.abort()
    QDataStream(writer).writeInt32(1)
    assert not writer.flush()
    assert writer.size() == 0
    peer = conversation.establish()
    QDataStream(writer).writeInt32(1)
    spin(lambda: peer.bytesAvailable() == 4)


def test_a_deleted_socket(qapp: QObject) -> None:
    """The writer outlives it."""
    import shiboken6

    socket = SslSocket()
    writer = SocketWriter(socket)
    shiboken6.delete(socket)
    QDataStream(writer).writeInt32(1)
    settle()
    assert not writer.flush()
    with pytest.raises(TypeError, match="socket must be an SslSocket"):
        SocketWriter(QObject())  # type: ignore[arg-type]  # the mistake under test


_DIRECT = """
import sys
from PySide6.QtCore import *
from PySide6.QtGui import QImage, QImageWriter
from qtsecure.net.ssl_socket import SslSocket
import socket

application = QCoreApplication([])
near, far = socket.socketpair()
far.setblocking(False)
sock = SslSocket()
assert sock.setSocketDescriptor(near.detach())
modes = [None, QIODevice.OpenModeFlag.ReadWrite, QIODevice.OpenModeFlag.WriteOnly]
for mode in modes:
    if mode is not None:
        sock.setOpenMode(mode)
        assert not sock.open(mode)
    stream = QDataStream(sock)
    stream.writeInt32(-1)
    assert stream.status() == QDataStream.Status.WriteFailed, stream.status()
    stream = QDataStream(sock)
    stream << QByteArray(bytes(range(256)))
    assert stream.status() == QDataStream.Status.WriteFailed
    assert QDataStream(sock).writeRawData(bytes(range(256))) == -1
    text = QTextStream(sock)
    text << chr(0xfc) * 10
    text.flush()
    assert text.status() == QTextStream.Status.WriteFailed
    text.setDevice(None)
    xml = QXmlStreamWriter(sock)
    xml.writeTextElement("a", "b")
    assert xml.hasError()
    image = QImage(2, 2, QImage.Format.Format_RGB32)
    image.fill(0)
    assert not QImageWriter(sock, b"png").write(image)
    assert not QIODevice.putChar(sock, 120)
    assert QIODevice.write(sock, bytes(range(256))) == -1
for _ in range(5):
    application.processEvents()
try:
    print("sent", far.recv(100))
except BlockingIOError:
    print("nothing sent")
sock.setOpenMode(QIODevice.OpenModeFlag.ReadWrite)
sock.write(b"python")
for _ in range(5):
    application.processEvents()
print(far.recv(100))
sock.abort()
"""


def test_no_cpp_writer_reaches_the_socket() -> None:
    """Each fails with its own error, in every mode; nothing is sent and nothing crashes."""
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _DIRECT], capture_output=True, text=True, timeout=120, check=False
    )
    assert (result.returncode, result.stdout) == (0, "nothing sent\nb'python'\n"), result.stderr


def test_a_data_stream_byte_by_byte(conversation: Conversation) -> None:
    """Transactions put together what comes in the smallest pieces (Qt's idiom for partial messages)."""
    peer = conversation.establish()
    block = QByteArray()
    writer = QDataStream(block, QIODevice.OpenModeFlag.WriteOnly)
    texts = ["first", "zweite", "", "x" * 300]
    for text in texts:
        writer.writeQString(text)
    received: list[str] = []
    reader = QDataStream(peer)

    def read() -> None:
        while True:
            reader.startTransaction()
            text = reader.readQString()
            if not reader.commitTransaction():
                return
            received.append(text)

    peer.readyRead.connect(read)
    for byte in bytes(block.data()):
        conversation.client.write(bytes([byte]))
        conversation.client.flush()
    spin(lambda: received == texts)

"""Engines for documents of QML, in which a warning is a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QUrl
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickWindow, QSGRendererInterface

import qtsecure.qml
from qtsecure.testing.certificates import IssuedCertificate
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import FakeClock, fakeClock

qtsecure.qml.register()
QQuickWindow.setGraphicsApi(QSGRendererInterface.GraphicsApi.Software)

IMPORTS = "import QtQml\nimport QtQuick\nimport QtQuick.Controls\nimport QtSecure\n"
Load = Callable[..., "Document"]


class Document:
    """A loaded document."""

    def __init__(self, source: str, pki: PublicKeyInfrastructure) -> None:
        self.warnings: list[str] = []
        self.engine = QQmlApplicationEngine()
        self.engine.setOutputWarningsToStandardError(False)
        self.engine.warnings.connect(self._note)
        self.engine.setInitialProperties(
            {"ca": pki.ca.certificatePem().decode(), "good": identity(pki.server), "bad": identity(pki.selfSigned)}
        )
        self.engine.loadData((IMPORTS + source).encode(), QUrl("test.qml"))
        assert self.engine.rootObjects(), self.warnings
        self.root = self.engine.rootObjects()[0]

    def _note(self, warnings: list[object]) -> None:
        self.warnings += [warning.toString() for warning in warnings]

    def get(self, name: str) -> object:
        """A property of the root."""
        return self.root.property(name)

    def call(self, name: str, *arguments: object) -> object:
        """Call a function of the root."""
        return getattr(self.root, name)(*arguments)

    def find(self, name: str, kind: type[QObject] = QObject) -> QObject:
        """What has this objectName."""
        found = self.root.findChild(kind, name)
        assert found is not None, name
        return found

    def close(self) -> None:
        """Delete the engine and all that it made."""
        del self.root
        self.engine.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        del self.engine


def identity(certificate: IssuedCertificate) -> dict[str, str]:
    """A certificate and its key for a property."""
    return {"certificate": certificate.chainPem().decode(), "key": certificate.keyPem().decode()}


@pytest.fixture
def load(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Load]:
    """Load documents, which are closed after the test and must not have warned."""
    made: list[Document] = []

    def loadOne(source: str) -> Document:
        made.append(Document(source, qtsecure_pki))
        return made[-1]

    yield loadOne
    warnings = [warning for document in made for warning in document.warnings]
    for document in made:
        document.close()
    assert warnings == []


@pytest.fixture
def clock(qapp: QCoreApplication) -> Iterator[FakeClock]:
    """Replace the clock of this thread's scheduler."""
    with fakeClock() as fake:
        yield fake

"""The interfaces that programs implement, and what they do by default."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from PySide6.QtCore import QCoreApplication, QObject

from qtsecure import (
    Cancellable,
    ChannelBinding,
    ChannelBindingError,
    Condition,
    ConditionNotifier,
    DatagramBased,
    DtlsConnectionInterface,
    DtlsMessage,
    DtlsPeer,
    SslCertificate,
)
from qtsecure.net.datagram_based import OutgoingMessage
from tests.net.conversation import settle


class Loopback(QObject, DatagramBased):
    """Receives what it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[DtlsMessage] = []
        self.notifiers: list[ConditionNotifier] = []

    def receiveMessages(
        self,
        maxCount: int = -1,
        flags: int = 0,
        timeout: int = 0,
        cancellable: Cancellable | None = None,
        maxSize: int = -1,
    ) -> list[DtlsMessage]:
        received, self.waiting = self.waiting, []
        return received

    def sendMessages(
        self,
        messages: Iterable[OutgoingMessage],
        flags: int = 0,
        timeout: int = 0,
        cancellable: Cancellable | None = None,
    ) -> int:
        sent = [DtlsMessage(bytes(message)) for message in messages]  # type: ignore[arg-type]  # no lists here
        self.waiting += sent
        for notifier in self.notifiers:
            notifier.wake(news=True)
        return len(sent)

    def conditionCheck(self, condition: Condition) -> Condition:
        return condition & (Condition.Out | (Condition.In if self.waiting else Condition(0)))

    def createNotifier(self, condition: Condition, cancellable: Cancellable | None = None) -> ConditionNotifier:
        notifier = ConditionNotifier(self, condition, cancellable, self)
        self.notifiers.append(notifier)
        return notifier


class Bare(QObject, DtlsConnectionInterface):
    """Implements nothing."""


def test_a_class_of_a_program_beside_qobject(qapp: QCoreApplication) -> None:
    """No metaclass is in the way, and notifiers work with it."""
    loopback = Loopback()
    told: list[Condition] = []
    loopback.createNotifier(Condition.In).activated.connect(told.append)
    settle()
    assert loopback.sendMessages([b"x"]) == 1
    settle()
    assert told == [Condition.In]
    assert [message.data for message in loopback.receiveMessages()] == [b"x"]


def test_instances_are_known() -> None:
    """Of the interfaces and of the classes that implement them."""
    assert isinstance(DtlsPeer(), DtlsConnectionInterface)
    assert isinstance(DtlsPeer(), DatagramBased)
    assert isinstance(Bare(), DatagramBased)
    assert type(DatagramBased) is type


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("receiveMessages", ()),
        ("sendMessages", ([b"x"],)),
        ("conditionCheck", (Condition.In,)),
        ("conditionWait", (Condition.In,)),
        ("createNotifier", (Condition.In,)),
        ("handshake", ()),
        ("shutdown", (True, True)),
    ],
)
def test_what_has_to_be_there(method: str, arguments: tuple[object, ...]) -> None:
    """A method that was left out says which one, in which class; type checkers find it before."""
    with pytest.raises(NotImplementedError, match=rf"Bare has to implement {method}\(\)"):
        getattr(Bare(), method)(*arguments)
    assert getattr(DtlsConnectionInterface, method).__isabstractmethod__


def test_what_gio_does_without_an_implementation() -> None:
    """No channel binding, no protocol, nothing accepted."""
    bare = Bare()
    with pytest.raises(ChannelBindingError) as caught:
        bare.channelBindingData(ChannelBinding.TlsExporter)
    assert caught.value.code is ChannelBindingError.Code.NotImplemented
    assert "Bare" in str(caught.value)
    assert bare.negotiatedProtocol() is None
    bare.setAdvertisedProtocols(["x"])
    assert bare.acceptCertificateEvent(SslCertificate(), []) is False


def test_a_message_is_a_value() -> None:
    """With the least that it needs."""
    message = DtlsMessage(b"data")
    assert message == DtlsMessage(b"data", False, 0, None, 0.0)
    with pytest.raises(AttributeError):
        message.data = b"other"  # type: ignore[misc]  # wrong on purpose

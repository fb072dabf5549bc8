"""gio-D48 to gio-D50: what can be done, waiting for it, and being told."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from shiboken6 import delete

from qtsecure import Cancellable, Condition, ConditionNotifier, DtlsPeer, Protocol, SecureError
from tests.net.conversation import FakeClock, settle, spin
from tests.net.dtls.conversation import DtlsConversation
from tests.semantics.gio.support import BOTH, NOTHING, PATIENCE_MS, Code, arrive, prepared, refusal, soon

ALL = BOTH | Condition.Err | Condition.Hup


def test_gio_d48_the_life_of_an_association(conversation: DtlsConversation) -> None:
    """Exactly what holds, and nothing else, from the beginning to the end."""
    client = prepared(conversation)
    assert client.conditionCheck(ALL) is NOTHING  # nothing can be sent yet
    client.startHandshake()
    assert client.conditionCheck(ALL) is NOTHING
    spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    assert client.conditionCheck(ALL) is Condition.Out
    peer.sendMessages([b"data"])
    arrive(client)  # decrypted and not read
    assert client.conditionCheck(ALL) == BOTH
    client.receiveMessages()
    assert client.conditionCheck(ALL) is Condition.Out
    peer.shutdown(False, True)
    spin(client.atEnd)
    assert client.conditionCheck(ALL) == BOTH  # the end can be read
    client.close()
    assert client.conditionCheck(ALL) is Condition.Hup


def test_gio_d48_only_what_was_asked_for(conversation: DtlsConversation) -> None:
    """Apart from Err and Hup, which are told unasked."""
    peer = conversation.establish()
    conversation.client.sendMessages([b"data"])
    arrive(peer)
    assert peer.conditionCheck(Condition.In) is Condition.In
    assert peer.conditionCheck(Condition.Out) is Condition.Out
    assert peer.conditionCheck(NOTHING) is NOTHING
    peer.close()
    assert peer.conditionCheck(NOTHING) is Condition.Hup


def test_gio_d48_directions_that_were_ended_here(conversation: DtlsConversation) -> None:
    """Neither In after the end of reading nor Out after the end of writing."""
    peer = conversation.establish()
    conversation.client.shutdown(False, True)
    assert conversation.client.conditionCheck(ALL) is NOTHING
    peer.shutdown(True, False)
    assert peer.conditionCheck(ALL) is Condition.Out


def test_gio_d48_a_failed_association(conversation: DtlsConversation) -> None:
    """Err, and In only for what is still to be read."""
    peer = conversation.establish()
    conversation.client.sendMessages([b"data"])
    arrive(peer)
    peer._socketLost()
    assert peer.conditionCheck(BOTH) == Condition.In | Condition.Err
    peer.receiveMessages()
    assert peer.conditionCheck(BOTH) is Condition.Err


def test_gio_d49_waiting_wakes_at_once(conversation: DtlsConversation) -> None:
    """Within 50 ms of the message, in one of many attempts: the machine may be busy."""
    peer = conversation.establish()
    delays = [1.0]
    while min(delays) >= 0.05 and len(delays) < 100:
        sent = []

        def send(sent: list[float] = sent) -> None:
            sent.append(time.monotonic())
            conversation.client.sendMessages([b"data"])

        soon(send)
        assert peer.conditionWait(Condition.In, PATIENCE_MS) is True
        delays.append(time.monotonic() - sent[0])
        peer.receiveMessages()
    assert min(delays) < 0.05


def test_gio_d49_the_time_is_up(conversation: DtlsConversation) -> None:
    """On time, and nearly without computing meanwhile."""
    peer = conversation.establish()
    settle()
    begun, computed = time.monotonic(), time.thread_time()
    assert refusal(peer.conditionWait, Condition.In, 400).code is Code.TimedOut
    assert time.monotonic() - begun >= 0.4
    assert time.thread_time() - computed < 0.1


def test_gio_d49_the_moment_is_exact(conversation: DtlsConversation, clock: FakeClock) -> None:
    """Not before, and not after."""
    peer = conversation.establish()
    begun = clock.now

    def tick() -> None:
        clock.advance(0.01)
        if clock.now - begun < 1:
            soon(tick)

    soon(tick)
    assert refusal(peer.conditionWait, Condition.In, 250).code is Code.TimedOut
    assert 0.25 <= clock.now - begun <= 0.27


def test_gio_d49_what_ends_a_wait(conversation: DtlsConversation) -> None:
    """A condition that holds already, a cancellation, the end: each with its own answer."""
    peer = conversation.establish()
    assert peer.conditionWait(BOTH, 0) is True
    assert refusal(peer.conditionWait, Condition.In, 0).code is Code.TimedOut
    cancellable = Cancellable()
    soon(cancellable.cancel)
    assert refusal(peer.conditionWait, Condition.In, -1, cancellable).code is Code.Cancelled
    soon(conversation.client.close)
    assert peer.conditionWait(Condition.In, -1) is True  # the end of the stream
    peer.receiveMessages()
    peer.close()
    assert peer.conditionWait(Condition.In, -1) is True  # Hup, unasked


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_gio_d49_a_cancellable_that_is_deleted(conversation: DtlsConversation, when: str) -> None:
    """Nobody can cancel any more; the wait goes on to its end."""
    peer = conversation.establish()
    cancellable = Cancellable()
    if when == "before":
        delete(cancellable)
    else:
        soon(lambda: (delete(cancellable), peer.shutdown(True, False)))  # which wakes the wait
    assert refusal(peer.conditionWait, Condition.In, 50, cancellable).code is Code.TimedOut
    peer.createNotifier(Condition.Out, cancellable)
    settle()


def test_gio_d49_a_time_beyond_all_floats(conversation: DtlsConversation) -> None:
    """Is as good as for ever."""
    peer = conversation.establish()
    cancellable = Cancellable()
    soon(cancellable.cancel)
    assert refusal(peer.conditionWait, Condition.In, 10**400, cancellable).code is Code.Cancelled


def test_gio_d50_once_for_a_state(conversation: DtlsConversation) -> None:
    """Although the message is not read; more messages are told again."""
    peer = conversation.establish()
    told: list[Condition] = []
    notifier = peer.createNotifier(Condition.In)
    notifier.activated.connect(told.append)
    settle()
    assert told == []
    conversation.client.sendMessages([b"one"])
    spin(lambda: bool(told))
    settle()
    assert told == [Condition.In]
    conversation.client.sendMessages([b"two"])
    spin(lambda: len(told) == 2)
    assert len(peer.receiveMessages()) == 2
    settle()
    assert len(told) == 2


def test_gio_d50_the_condition_that_holds_is_told(conversation: DtlsConversation) -> None:
    """Not the one that was asked for."""
    peer = conversation.establish()
    told: list[Condition] = []
    peer.createNotifier(BOTH).activated.connect(told.append)
    spin(lambda: bool(told))
    assert told == [Condition.Out]
    conversation.client.sendMessages([b"data"])
    spin(lambda: len(told) == 2)
    assert told[1] == BOTH
    peer.close()
    spin(lambda: len(told) == 3)
    assert told[2] is Condition.Hup


def test_gio_d50_disabled_in_its_slot(conversation: DtlsConversation) -> None:
    """Then it is silent; enabled again it tells what holds now."""
    peer = conversation.establish()
    notifier = peer.createNotifier(Condition.In)
    told: list[Condition] = []

    def slot(condition: Condition) -> None:
        told.append(condition)
        notifier.setEnabled(False)

    notifier.activated.connect(slot)
    conversation.client.sendMessages([b"one"])
    spin(lambda: bool(told))
    conversation.client.sendMessages([b"two"])
    arrive(peer, 2)
    settle()
    assert len(told) == 1
    assert not notifier.isEnabled()
    notifier.setEnabled(True)
    spin(lambda: len(told) == 2)


def test_gio_d50_cancelling(conversation: DtlsConversation) -> None:
    """It signals once more, so that the program looks and finds the cancellation."""
    peer = conversation.establish()
    cancellable = Cancellable()
    notifier = peer.createNotifier(Condition.In, cancellable)
    told: list[Condition] = []
    notifier.activated.connect(told.append)
    cancellable.cancel()
    spin(lambda: bool(told))
    assert told == [NOTHING]
    assert not notifier.isEnabled()
    notifier.setEnabled(True)
    settle()
    assert told == [NOTHING]  # that was the end
    assert not notifier.isEnabled()


@pytest.mark.parametrize("victim", ["notifier", "peer"])
def test_gio_d50_deleted_in_its_slot(conversation: DtlsConversation, victim: str) -> None:
    """Nothing is signalled afterwards."""
    peer = conversation.establish()
    notifier = peer.createNotifier(Condition.In)
    told: list[Condition] = []
    obj = notifier if victim == "notifier" else peer

    def slot(condition: Condition) -> None:
        told.append(condition)
        obj.deleteLater()
        QCoreApplication.sendPostedEvents(obj, QEvent.Type.DeferredDelete.value)

    notifier.activated.connect(slot)
    conversation.client.sendMessages([b"one"])
    spin(lambda: bool(told))
    conversation.client.sendMessages([b"two"])
    settle()
    assert len(told) == 1


def test_notifiers_that_were_deleted_are_forgotten(conversation: DtlsConversation) -> None:
    """One for each message would add up otherwise."""
    peer = conversation.establish()
    for _ in range(20):
        notifier = peer.createNotifier(Condition.In)
        notifier.deleteLater()
        settle()
    assert len(peer._watchers) == 1


def test_waiting_begins_the_handshake(conversation: DtlsConversation) -> None:
    """Without it the condition would never come about."""
    client = prepared(conversation)
    assert client.conditionWait(Condition.Out, PATIENCE_MS) is True
    assert client.isEncrypted()
    other = DtlsPeer()
    other.setSslConfiguration(conversation.clientConfiguration)
    other.setPeer("127.0.0.1", conversation.server.serverPort())
    told: list[Condition] = []
    other.createNotifier(Condition.Out).activated.connect(told.append)
    spin(lambda: bool(told))
    assert told == [Condition.Out]
    other.close()


def test_a_configuration_that_cannot_be_used(conversation: DtlsConversation) -> None:
    """No notifier is left behind."""
    client = prepared(conversation)
    configuration = client.sslConfiguration()
    configuration.setProtocol(Protocol.TlsV1_3)
    client.setSslConfiguration(configuration)
    with pytest.raises(SecureError):
        client.createNotifier(Condition.In)
    settle()
    assert client.findChildren(ConditionNotifier) == []


def test_numbers_are_glibs() -> None:
    assert [int(condition) for condition in (Condition.In, Condition.Out, Condition.Err, Condition.Hup)] == [
        1,
        4,
        8,
        16,
    ]


@pytest.mark.parametrize("condition", [1, None, "In"])
def test_arguments(conversation: DtlsConversation, condition: object) -> None:
    peer = conversation.client
    for call in (peer.conditionCheck, peer.conditionWait, peer.createNotifier):
        with pytest.raises(TypeError):
            call(condition)  # type: ignore[operator]  # wrong on purpose
    with pytest.raises(TypeError):
        peer.createNotifier(Condition.In, object())  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ValueError, match="timeout"):
        peer.conditionWait(Condition.In, -2)
    notifier = ConditionNotifier(peer, Condition.In)
    with pytest.raises(TypeError):
        notifier.setEnabled(1)  # type: ignore[arg-type]  # wrong on purpose

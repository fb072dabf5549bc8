"""The signal recorder records everything once, in order, and lets go of everything."""

from __future__ import annotations

import weakref

import pytest
from PySide6.QtCore import QBuffer, QIODevice, QObject, QTimer, Signal

from qtsecure.errors import SecureError
from qtsecure.testing.signals import SignalRecord, SignalRecorder

pytestmark = pytest.mark.usefixtures("qapp")


class Emitter(QObject):
    """An object with signals of every sort that the library declares."""

    plain = Signal()
    happened = Signal(object)
    pair = Signal(int, str)
    listed = Signal(list)
    overloaded = Signal((int,), (str,))


class Redeclaring(QObject):
    """Declares a signal that its base has as well."""

    objectNameChanged = Signal(str)


def test_python_signals_with_their_arguments() -> None:
    """Arguments arrive unchanged, objects as the same objects."""
    emitter = Emitter()
    thing = {"key": object()}
    with SignalRecorder(emitter) as recorder:
        emitter.plain.emit()
        emitter.happened.emit(thing)
        emitter.pair.emit(1, "one")
        emitter.listed.emit([thing])
    assert recorder.records() == [
        SignalRecord("plain", ()),
        SignalRecord("happened", (thing,)),
        SignalRecord("pair", (1, "one")),
        SignalRecord("listed", ([thing],)),
    ]
    assert recorder.of("happened")[0][0] is thing


def test_every_overload_is_recorded_once() -> None:
    """An overloaded signal is recorded whichever overload is emitted."""
    emitter = Emitter()
    with SignalRecorder(emitter) as recorder:
        emitter.overloaded[int].emit(7)
        emitter.overloaded[str].emit("seven")
    assert recorder.of("overloaded") == [(7,), ("seven",)]


def test_cpp_signals() -> None:
    """Signals of a C++ class are recorded."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.ReadWrite)
    with SignalRecorder(buffer) as recorder:
        buffer.write(b"abc")
        recorder.waitFor("readyRead")
        buffer.close()
    assert recorder.of("bytesWritten") == [(3,)]
    recorder.assertOrder(["bytesWritten", "readyRead", "aboutToClose"])


def test_redeclared_signal_is_recorded_once() -> None:
    """The metaobject lists a redeclared signal twice; the record does not."""
    emitter = Redeclaring()
    with SignalRecorder(emitter) as recorder:
        emitter.objectNameChanged.emit("new")
    assert recorder.of("objectNameChanged") == [("new",)]


def test_destroyed_is_recorded_once_without_argument() -> None:
    """destroyed() has a clone in the metaobject, and its argument is half gone."""
    emitter = Emitter()
    with SignalRecorder(emitter, prefix="it") as recorder:
        del emitter
    assert recorder.records() == [SignalRecord("it.destroyed", ())]


def test_several_objects_share_one_order() -> None:
    """Prefixes tell the objects apart."""
    one, two = Emitter(), Emitter()
    with SignalRecorder() as recorder:
        recorder.watch(one, prefix="one")
        recorder.watch(two, ["plain"], prefix="two")
        two.plain.emit()
        one.plain.emit()
        two.happened.emit(None)
        two.plain.emit()
    assert recorder.names() == ["two.plain", "one.plain", "two.plain"]
    assert recorder.count("two.plain") == 2


def test_unknown_name_is_refused_and_nothing_connected() -> None:
    """A typing error in a name is told, with the names there are."""
    emitter = Emitter()
    recorder = SignalRecorder()
    with pytest.raises(ValueError, match=r"Emitter has no signal 'plane'; it has .*plain"):
        recorder.watch(emitter, ["plain", "plane"])
    emitter.plain.emit()
    assert recorder.names() == []


def test_clear_stays_connected() -> None:
    """After clear() the record starts anew."""
    emitter = Emitter()
    with SignalRecorder(emitter) as recorder:
        emitter.plain.emit()
        recorder.clear()
        emitter.pair.emit(1, "")
    assert recorder.names() == ["pair"]


def test_close_disconnects_everything() -> None:
    """Nothing is recorded after the end, and nobody is connected any more."""
    emitter = Emitter()
    with SignalRecorder(emitter) as recorder:
        emitter.plain.emit()
    emitter.plain.emit()
    assert recorder.names() == ["plain"]
    assert [
        emitter.receivers(f"2{signature}") for signature in ("plain()", "pair(int,QString)", "overloaded(QString)")
    ] == [0, 0, 0]
    recorder.close()


def test_close_after_the_object_has_gone() -> None:
    """An object may be deleted before its recorder is closed."""
    recorder = SignalRecorder(Emitter())
    recorder.close()
    assert recorder.names() == ["destroyed"]


def test_recorder_keeps_neither_object_nor_itself_alive() -> None:
    """No cycles: both go when the last reference goes."""
    emitter = Emitter()
    recorder = SignalRecorder(emitter)
    gone = weakref.ref(emitter), weakref.ref(recorder)
    del emitter, recorder
    assert [reference() for reference in gone] == [None, None]


def test_wait_for_runs_the_event_loop() -> None:
    """waitFor() returns the arguments of the emission that it waited for."""
    emitter = Emitter()
    with SignalRecorder(emitter) as recorder:
        QTimer.singleShot(0, lambda: emitter.pair.emit(1, "a"))
        QTimer.singleShot(1, lambda: emitter.pair.emit(2, "b"))
        assert recorder.waitFor("pair", count=2) == (2, "b")
        assert recorder.waitFor("pair", timeout=0) == (1, "a")


def test_wait_for_longer_than_a_timer_can() -> None:
    """Is as good as for ever, as with all waits here, and no OverflowError."""
    emitter = Emitter()
    with SignalRecorder(emitter) as recorder:
        QTimer.singleShot(0, emitter.plain.emit)
        assert recorder.waitFor("plain", timeout=1 << 40) == ()


def test_wait_for_shows_what_was_seen() -> None:
    """A wait in vain fails with everything that was recorded."""
    emitter = Emitter()
    with SignalRecorder(emitter, prefix="client") as recorder:
        emitter.pair.emit(1, "a")
        with pytest.raises(AssertionError, match=r"Waited 1 ms for client\.plain once.*\n  client\.pair\(1, 'a'\)"):
            recorder.waitFor("client.plain", timeout=1)
        with pytest.raises(AssertionError, match=r"for client\.pair 2 times, saw 1\."):
            recorder.waitFor("client.pair", timeout=1, count=2)


def test_nested_waits() -> None:
    """A slot that waits itself does not make the outer wait miss its signal."""
    emitter = Emitter()
    with SignalRecorder(emitter) as recorder:

        def inner() -> None:
            QTimer.singleShot(0, lambda: (emitter.plain.emit(), emitter.pair.emit(1, "")))
            recorder.waitFor("pair")

        QTimer.singleShot(0, inner)
        recorder.waitFor("plain", timeout=2000)
    assert recorder.names() == ["plain", "pair"]


def test_assert_order() -> None:
    """assertOrder() looks for a subsequence."""
    emitter = Emitter()
    with SignalRecorder(emitter) as recorder:
        emitter.plain.emit()
        emitter.pair.emit(1, "")
        emitter.plain.emit()
    recorder.assertOrder(["plain", "plain"])
    recorder.assertOrder(["pair", "plain"])
    with pytest.raises(AssertionError, match=r"No pair after pair\. Recorded:\n  plain\(\)"):
        recorder.assertOrder(["pair", "pair"])


def test_the_message_says_where_a_signal_was_instead() -> None:
    """Earlier, with other arguments, or nowhere; what was found is marked."""
    emitter = Emitter()
    with SignalRecorder(emitter) as recorder:
        emitter.pair.emit(1, "one")
        emitter.plain.emit()
        emitter.pair.emit(2, "two")
    recorder.assertOrder([SignalRecord("pair", (1, "one")), "plain", SignalRecord("pair", (2, "two"))])
    for expected, message in (
        (["plain", SignalRecord("pair", (1, "one"))], "No pair(1, 'one') after plain (it came earlier)."),
        ([SignalRecord("pair", (3, "three"))], "No pair(3, 'three') (it came with other arguments)."),
        (["pair", "plain", "happened"], "No happened after pair, plain."),
        (["plain", "plain"], "No plain after plain."),
    ):
        with pytest.raises(AssertionError) as caught:
            recorder.assertOrder(expected)
        assert str(caught.value).startswith(f"{message} Recorded:\n")
    assert str(caught.value).endswith("  pair(1, 'one')\n> plain()\n  pair(2, 'two')")


def test_arguments_are_readable() -> None:
    """Enums by their names, and sentences far enough to understand them."""
    emitter = Emitter()
    sentence = "The remote host closed the connection without a close_notify; data may be missing."
    with SignalRecorder(emitter) as recorder:
        emitter.happened.emit(QIODevice.OpenModeFlag.ReadWrite)
        emitter.happened.emit(SecureError(SecureError.Code.UncleanClose, sentence))
        emitter.happened.emit(sentence)
        emitter.happened.emit("x" * 1000)
    texts = list(map(str, recorder.records()))
    assert texts[0] == "happened(OpenModeFlag.ReadWrite)"
    assert sentence in texts[1]
    assert sentence in texts[2]
    assert len(texts[3]) < 130


def test_a_name_that_nobody_records_is_told_at_once() -> None:
    """A typing error would wait in vain."""
    with SignalRecorder(Emitter(), ["plain", "pair"], prefix="it") as recorder:
        for attempt in (
            lambda: recorder.waitFor("it.plane", timeout=100_000),
            lambda: recorder.assertOrder(["plain"]),
            lambda: recorder.assertExactly(["it.happened"]),
        ):
            with pytest.raises(ValueError, match=r"Nobody records '.*'; recorded are it\.pair, it\.plain\."):
                attempt()


def test_assert_exactly() -> None:
    """assertExactly() shows the difference."""
    emitter = Emitter()
    with SignalRecorder(emitter) as recorder:
        emitter.plain.emit()
        emitter.pair.emit(1, "")
    recorder.assertExactly(["plain", "pair"])
    with pytest.raises(AssertionError, match=r"\n    plain\n  \+ pair$"):
        recorder.assertExactly(["plain"])
    with pytest.raises(AssertionError, match=r"  - happened"):
        recorder.assertExactly(["plain", "happened", "pair"])
    recorder.assertExactly(["plain", SignalRecord("pair", (1, ""))])
    with pytest.raises(AssertionError, match=r"\n    plain\n  - pair\(2, ''\)\n  \+ pair\(1, ''\)$"):
        recorder.assertExactly(["plain", SignalRecord("pair", (2, ""))])


def test_fixture_closes_its_recorders(qtsecure_signals) -> None:
    """The fixture is a factory with the arguments of the class."""
    emitter = Emitter()
    recorder = qtsecure_signals(emitter, ["plain"], prefix="x")
    emitter.plain.emit()
    assert recorder.names() == ["x.plain"]

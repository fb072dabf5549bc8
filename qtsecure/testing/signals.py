"""Records the signals of Qt objects in the order in which they come."""

from __future__ import annotations

import difflib
import enum
import reprlib
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from PySide6.QtCore import QCoreApplication, QEventLoop, QMetaMethod, QMetaObject, QObject, QTimer, SignalInstance

__all__ = ["SignalRecord", "SignalRecorder"]

_Self = TypeVar("_Self", bound="SignalRecorder")


class _ShortRepr(reprlib.Repr):
    """Arguments as people read them: enums by their name, and enough of a text to know what it is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 100

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, enum.Enum) and x.name is not None:
            return f"{type(x).__name__}.{x.name}"
        return super().repr1(x, level)


_repr = _ShortRepr().repr


class SignalRecord(NamedTuple):
    """One emission of one signal."""

    name: str
    """The name of the signal, with the prefix of its object: ``"client.encrypted"``."""
    args: tuple[Any, ...]
    """The arguments as a slot gets them; nobody knows their types before."""

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(_repr, self.args))})"


Expected = str | SignalRecord
"""The name of a signal, with the prefix of its object; or a record, whose arguments count as well."""


class _Log:
    """What the slots write to; they know this and not the recorder, so that no cycle is made."""

    def __init__(self) -> None:
        self.records: list[SignalRecord] = []
        self.wake: Callable[[], None] | None = None

    def slot(self, name: str) -> Callable[..., None]:
        def record(*args: object) -> None:
            self.records.append(SignalRecord(name, args))
            if self.wake is not None:
                self.wake()

        return record


class SignalRecorder:
    """Records name and arguments of every signal of one or several objects, in order.

    It keeps no object alive, and nothing stays connected after :meth:`close` or the end of a
    ``with`` block; what was recorded stays readable. ``destroyed`` is recorded without its argument.

    Args:
        obj: An object to watch from now on; more come with :meth:`watch`.
        names: Only these signals of ``obj``; every signal if None.
        prefix: Goes before the names of this object, with a dot.

    Raises:
        TypeError: ``obj`` is no QObject, or ``names`` one text instead of several.
        ValueError: ``obj`` has no signal of one of the names.
    """

    def __init__(self, obj: QObject | None = None, names: Iterable[str] | None = None, *, prefix: str = "") -> None:
        self._log = _Log()
        self._watched: set[str] = set()
        self._connections: list[QMetaObject.Connection] = []
        if obj is not None:
            self.watch(obj, names, prefix=prefix)

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SignalRecorder with {len(self._log.records)} records>"

    def watch(self, obj: QObject, names: Iterable[str] | None = None, *, prefix: str = "") -> None:
        """Record the signals of one more object.

        Args:
            obj: The object; it may be deleted at any time.
            names: Only these signals; every signal if None.
            prefix: Goes before the names of this object, with a dot.

        Raises:
            TypeError: ``obj`` is no QObject, or ``names`` one text instead of several.
            ValueError: ``obj`` has no signal of one of the names.
        """
        if not isinstance(obj, QObject):
            raise TypeError(f"obj must be a QObject, not {type(obj).__name__}.")
        if isinstance(names, str):
            raise TypeError(f"names must be a list of names, not the text {names!r}.")
        signals = _signalsOf(obj)
        wanted = list(signals) if names is None else list(names)
        for name in wanted:
            if name not in signals:
                raise ValueError(f"names: {type(obj).__name__} has no signal {name!r}; it has {', '.join(signals)}.")
        for name in wanted:
            full = f"{prefix}.{name}" if prefix else name
            self._watched.add(full)
            slot = self._log.slot(full)
            self._connections.extend(signal.connect(slot) for signal in signals[name])

    def close(self) -> None:
        """Disconnect from every object; may be called again."""
        for connection in self._connections:
            # Answers False, and does nothing, when the object has gone.
            QObject.disconnect(connection)
        self._connections.clear()

    def records(self) -> list[SignalRecord]:
        """Return everything recorded so far, oldest first."""
        return list(self._log.records)

    def names(self) -> list[str]:
        """Return the names of the signals recorded so far, oldest first."""
        return [record.name for record in self._log.records]

    def of(self, name: str) -> list[tuple[Any, ...]]:
        """Return the arguments of every emission of one signal, oldest first."""
        return [record.args for record in self._log.records if record.name == name]

    def count(self, name: str) -> int:
        """Return how often one signal was emitted."""
        return len(self.of(name))

    def clear(self) -> None:
        """Forget everything recorded so far; stay connected."""
        self._log.records.clear()

    def waitFor(self, name: str, timeout: int = 20_000, count: int = 1) -> tuple[Any, ...]:
        """Run the event loop until a signal was emitted often enough; at once if it was already.

        Args:
            name: The signal, with the prefix of its object.
            timeout: Milliseconds after which the wait fails.
            count: How many emissions since the start, or since :meth:`clear`; at least one.

        Returns:
            The arguments of the emission number ``count``.

        Raises:
            AssertionError: It was not emitted in time; the message shows what was.
            RuntimeError: There is no QCoreApplication.
            TypeError, ValueError: For an unusable argument; nobody records a signal of this name.
        """
        from qtsecure.net.arguments import LONGEST_WAIT, checkLeast

        self._refuseUnwatched(name)
        checkLeast(timeout, 0, name="timeout")
        checkLeast(count, 1, name="count")
        if self.count(name) < count:
            self._runLoop(lambda: self.count(name) >= count, min(timeout, LONGEST_WAIT))
        emissions = self.of(name)
        if len(emissions) < count:
            times = f"{count} times, saw {len(emissions)}" if count > 1 else "once, saw none"
            raise AssertionError(f"Waited {timeout} ms for {name} {times}. Recorded:\n{self._listing()}")
        return emissions[count - 1]

    def assertOrder(self, expected: Sequence[Expected]) -> None:
        """Check that these signals came in this order, whatever came between them.

        Args:
            expected: Names; or SignalRecords where the arguments count.

        Raises:
            AssertionError: They did not; the message shows what came, and marks what was expected.
            ValueError: Nobody records a signal of one of the names.
        """
        self._refuseUnwatched(*map(_nameOf, expected))
        records = self._log.records
        found: list[int] = []
        for wanted in expected:
            start = found[-1] + 1 if found else 0
            at = next((at for at in range(start, len(records)) if _matches(wanted, records[at])), None)
            if at is None:
                before = f" after {', '.join(map(str, expected[: len(found)]))}" if found else ""
                hint = _hint(
                    wanted, [record for at, record in enumerate(records) if at not in found], start - len(found)
                )
                raise AssertionError(f"No {wanted}{before}{hint}. Recorded:\n{self._listing(found)}")
            found.append(at)

    def assertExactly(self, expected: Sequence[Expected]) -> None:
        """Check that these signals came, in this order, and no others.

        Args:
            expected: Names; or SignalRecords where the arguments count.

        Raises:
            AssertionError: They did not; the message shows the difference.
            ValueError: Nobody records a signal of one of the names.
        """
        self._refuseUnwatched(*map(_nameOf, expected))
        records = self._log.records
        if len(records) == len(expected) and all(map(_matches, expected, records)):
            return
        withArguments = {wanted.name for wanted in expected if isinstance(wanted, SignalRecord)}
        seen = [str(record) if record.name in withArguments else record.name for record in records]
        difference = "\n".join(f"  {line}" for line in difflib.ndiff([*map(str, expected)], seen) if line[0] != "?")
        raise AssertionError(f"Expected (-) and recorded (+) signals differ:\n{difference}")

    def _refuseUnwatched(self, *names: str) -> None:
        for name in names:
            if name not in self._watched:
                raise ValueError(f"Nobody records {name!r}; recorded are {', '.join(sorted(self._watched))}.")

    def _runLoop(self, done: Callable[[], bool], timeout: int) -> None:
        if QCoreApplication.instance() is None:
            raise RuntimeError("SignalRecorder.waitFor() needs a QCoreApplication; create one first.")
        loop = QEventLoop()
        timer = QTimer()
        timer.setSingleShot(True)
        timer.timeout.connect(loop.quit)
        outer = self._log.wake

        def wake() -> None:
            if done():
                loop.quit()
            if outer is not None:
                # A slot that was called from this loop may wait as well.
                outer()

        self._log.wake = wake
        try:
            timer.start(timeout)
            # Another thread may have emitted it in the meantime.
            if not done():
                loop.exec()
        finally:
            self._log.wake = outer
            timer.stop()  # garbage may be collected in another thread, where no running timer may be deleted

    def _listing(self, marked: Sequence[int] = ()) -> str:
        lines = (f"{'>' if at in marked else ' '} {record}" for at, record in enumerate(self._log.records))
        return "\n".join(lines) or "  (nothing)"


def _nameOf(expected: Expected) -> str:
    return expected.name if isinstance(expected, SignalRecord) else expected


def _matches(expected: Expected, record: SignalRecord) -> bool:
    return record == expected if isinstance(expected, SignalRecord) else record.name == expected


def _hint(wanted: Expected, others: Sequence[SignalRecord], earlier: int) -> str:
    """Where it may be instead: among other records, of which the first ones came earlier."""
    if any(_matches(wanted, record) for record in others[:earlier]):
        return " (it came earlier)"
    if any(record.name == _nameOf(wanted) for record in others):
        return " (it came with other arguments)"
    return ""


def _signalsOf(obj: QObject) -> dict[str, list[SignalInstance]]:
    """Return every signal of an object by name, one instance for each overload."""
    signatures: dict[str, list[str]] = {}
    meta = obj.metaObject()
    for index in range(meta.methodCount()):
        method = meta.method(index)
        if method.methodType() != QMetaMethod.MethodType.Signal:
            continue
        name, _, parameters = bytes(method.methodSignature().data()).decode().removesuffix(")").partition("(")
        overloads = signatures.setdefault(name, [])
        # A C++ signal with default arguments is listed once more for each of them: full length
        # first, then the clones. Connecting to all would record one emission several times. A class
        # that declares a signal of its base anew lists it twice.
        clone = any(longer == parameters or longer.startswith(f"{parameters},") for longer in overloads)
        if not clone and not (overloads and not parameters):
            overloads.append(parameters)
    result: dict[str, list[SignalInstance]] = {}
    for name, overloads in signatures.items():
        signal: SignalInstance = getattr(obj, name)
        if len(overloads) == 1:
            result[name] = [signal]
        else:
            # By the signatures of its overloads.
            result[name] = [signal[each] for each in overloads]  # type: ignore[index]  # PySide6's stubs lack it
    return result

"""Runs one command on an event loop until it finishes, is interrupted, or hits a defect."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, QSocketNotifier, QTimer

from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output

__all__ = ["Command", "interruptible"]


class Command(QObject):
    """One run of a command; subclasses do their work from :meth:`start` on and call :meth:`finish`.

    Args:
        output: Where it prints to.
    """

    def __init__(self, output: Output) -> None:
        # The objects of a command need an application from the start, and as long as they live.
        self._application = QCoreApplication.instance() or QCoreApplication(["qtsecure"])
        super().__init__()
        self.output = output
        self._loop = QEventLoop()
        self._exitCode: ExitCode | None = None
        # Whoever reads the output does not want more of it.
        output.onBrokenPipe = lambda: self.finish(ExitCode.OK)

    def start(self) -> None:
        """Begin; called by the event loop."""
        raise NotImplementedError

    def interrupt(self) -> None:
        """Ctrl+C or a request to terminate."""
        self.finish(ExitCode.INTERRUPTED)

    def letGo(self) -> None:
        """Close what other threads could still reach; called once, behind the event loop."""

    def finish(self, exitCode: ExitCode, errorCode: str = "", message: str = "") -> None:
        """End the command; only the first call counts.

        Args:
            exitCode: What the process returns.
            errorCode: A word for programs that read the output.
            message: One sentence about what went wrong.
        """
        if self._exitCode is not None:
            return
        self._exitCode = exitCode
        self._loop.quit()  # before anything is printed, which may fail
        if message:
            self.output.error(errorCode, message)

    def isFinished(self) -> bool:
        """Whether finish() was called."""
        return self._exitCode is not None

    def run(self) -> ExitCode:
        """Start, and return how it ended."""
        try:
            with interruptible(self.output, self.interrupt), self._exceptionsEndIt():
                QTimer.singleShot(0, self._startUnlessEnded)
                self._loop.exec()
        finally:
            self.letGo()
        assert self._exitCode is not None
        return self._exitCode

    def _startUnlessEnded(self) -> None:
        if self.isFinished():
            self._loop.quit()  # a signal came before the loop ran, which forgets what it was told until then
        else:
            self.start()

    @contextlib.contextmanager
    def _exceptionsEndIt(self) -> Iterator[None]:
        """PySide prints what a slot raises and goes on; a command would wait for ever then."""
        before = sys.excepthook

        def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            before(kind, error, trace)
            self.finish(ExitCode.INTERNAL_ERROR)

        sys.excepthook = hook
        try:
            yield
        finally:
            sys.excepthook = before


@contextlib.contextmanager
def interruptible(output: Output, interrupt: Callable[[], None]) -> Iterator[None]:
    """Let signals of the system end a command.

    Python runs its handlers between two of its instructions, of which there are none while
    Qt's loop sleeps; the wake-up descriptor brings the loop, and with it Python, to life.

    Args:
        output: Where the command prints to.
        interrupt: Called for Ctrl+C, and for a request to terminate; also before the loop runs.
    """
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    notifier = QSocketNotifier(near.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda: near.recv(64))
    descriptor = signal.set_wakeup_fd(far.fileno(), warn_on_full_buffer=False)

    def handle(number: int, frame: FrameType | None) -> None:
        if output.isWriting():
            QTimer.singleShot(0, interrupt)  # which may print as well
            output.stopWaiting()
        else:
            interrupt()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(descriptor)
        notifier.setEnabled(False)
        near.close()
        far.close()

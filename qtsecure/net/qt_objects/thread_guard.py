"""Objects that belong to one thread refuse calls from another, by name, instead of corrupting OpenSSL.

OpenSSL's objects are no more thread-safe than Qt's, and Python's lock does not protect them: it is
released while OpenSSL works. So every public method is checked, except those that are named as
harmless. The few that a program calls for each message check for themselves, which is cheaper.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, TypeVar

from PySide6.QtCore import QCoreApplication, QObject, QThread, qVersion

__all__ = ["checkThread", "confinedToThread", "nameOfIdent", "nameOfThread", "threadOf", "wrongThread"]

_Class = TypeVar("_Class", bound=type)
_OURS = "qtsecure.net."
_NOTHING = object()
_THREAD_MAY_BE_ASKED = tuple(map(int, qVersion().split("."))) > (6, 11, 0)
_elsewhere = QThread()
# To find them by their objects would take as long as to call them.
_qtThread, _isCurrent = QObject.thread, QThread.isCurrentThread
_TAKES_ANY = 0x04
"""The code of a function with *arguments: inspect.CO_VARARGS, whose module takes long to import."""


def confinedToThread(
    *, harmless: Iterable[str], check: Callable[[Any, str], None] | None = None
) -> Callable[[_Class], _Class]:
    """A class decorator: the public methods, also of our base classes, run in the object's thread only.

    Args:
        harmless: Methods that may be called from anywhere, or that check for themselves.
        check: Called with the object and the method's name; raises for a wrong thread. checkThread() if
            it is left out.
    """
    exempt = frozenset(harmless)
    verify = check or checkThread

    def decorate(cls: _Class) -> _Class:
        methods = {
            name: method
            for base in reversed(cls.__mro__)
            if base.__module__.startswith(_OURS)
            for name, method in vars(base).items()
            if isinstance(method, FunctionType) and name[0] != "_" and name not in exempt
        }
        for name, method in methods.items():
            setattr(cls, name, _checked(method, verify))
        return cls

    return decorate


def _checked(method: FunctionType, verify: Callable[[Any, str], None]) -> Callable[..., Any]:
    """The method behind a check.

    As a slot it takes no more of a signal's arguments than before: PySide counts those that the code
    names, and hands all of them to a function with ``*arguments``.
    """
    name = method.__name__

    def noArgument(self: Any) -> Any:
        verify(self, name)
        return method(self)

    def oneArgument(self: Any, argument: Any = _NOTHING, /, **named: Any) -> Any:
        verify(self, name)
        return method(self, **named) if argument is _NOTHING else method(self, argument, **named)

    def severalArguments(self: Any, *arguments: Any, **named: Any) -> Any:
        verify(self, name)
        return method(self, *arguments, **named)

    code = method.__code__
    shapes: dict[int, Callable[..., Any]] = {1: noArgument, 2: oneArgument}
    plain = not code.co_flags & _TAKES_ANY
    shape = shapes.get(code.co_argcount, severalArguments) if plain else severalArguments
    functools.update_wrapper(shape, method)
    return shape


def threadOf(obj: QObject) -> QThread | None:
    """The thread that ``obj`` lives in; None when it has ended, so that anybody may clear up.

    Up to 6.11.0 PySide takes what QObject.thread() returns for a child of the object that was asked,
    and the main thread's QThread goes with the first object that is deleted. There only "here" and
    "elsewhere" can be told apart, "elsewhere" is an unknown QThread, and a thread that has ended still counts.
    """
    if _THREAD_MAY_BE_ASKED:
        thread: QThread | None = obj.thread()
        return None if thread is None or thread.isFinished() else thread
    here, root = QThread.currentThread(), obj
    while (parent := root.parent()) is not None:  # an object lives where its parent lives, and moves with it
        root = parent
    # Does nothing for what lives here already, takes what lives nowhere, and is refused for all else.
    return here if QObject.moveToThread(root, here) else _elsewhere


def checkThread(obj: QObject, method: str) -> None:
    """Raise RuntimeError, with the names of both threads, when ``obj`` belongs to another thread."""
    if _THREAD_MAY_BE_ASKED:  # what threadOf() would find out, in the order that answers soonest
        thread: QThread | None = _qtThread(obj)
        if thread is None or _isCurrent(thread):
            return
    thread = threadOf(obj)
    if thread is not None and not thread.isCurrentThread():
        raise wrongThread(obj, method, nameOfThread(thread))


def wrongThread(obj: QObject, method: str, owner: str) -> RuntimeError:
    """What to raise for a call from the calling thread on an object of the thread ``owner``."""
    return RuntimeError(
        f"{type(obj).__name__}.{method}() was called in {nameOfThread(QThread.currentThread())}, "
        f"but the object belongs to {owner}. Call it there, for example through a signal with a queued connection."
    )


def nameOfThread(thread: QThread) -> str:
    """A thread for the user: its object's name, or what else is known."""
    application = QCoreApplication.instance()
    if application is not None and application.thread() is thread:
        return "the main thread"
    if thread.objectName():
        return f"thread {thread.objectName()!r}"
    return nameOfIdent(threading.get_ident()) if thread.isCurrentThread() else "another thread without a name"


def nameOfIdent(ident: int) -> str:
    """A thread of Python's by its identifier."""
    if ident == threading.main_thread().ident:
        return "the main thread"
    name = next((each.name for each in threading.enumerate() if each.ident == ident), "")
    return f"thread {name!r}" if name else f"thread {ident:#x}"

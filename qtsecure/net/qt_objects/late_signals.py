"""Signals that cost an object nothing until somebody asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import Signal

if TYPE_CHECKING:
    from PySide6.QtCore import QObject

__all__ = ["withLateSignals"]

_Class = TypeVar("_Class", bound="type[QObject]")


class _LateSignal:
    """Stands for a signal in its class; PySide's own descriptor makes the object's signal, and keeps it there."""

    __slots__ = ("_signal",)

    def __init__(self, signal: Any) -> None:
        self._signal = signal

    def __get__(self, instance: object, owner: type | None = None) -> object:
        return self._signal.__get__(instance, owner)


def withLateSignals(cls: _Class) -> _Class:
    """A class decorator: an object's signals are made when they are first looked up.

    PySide makes all of them together with the object: it looks for the Signals in the dictionaries of all
    classes, and normalises the signature of each. That is most of what it costs to make an object with
    twenty. Qt knows the signals from the class itself, which is complete when the decorator runs.
    """
    for name, value in list(vars(cls).items()):
        if isinstance(value, Signal):
            setattr(cls, name, _LateSignal(value))
    return cls

"""Setters that say bool take nothing else: "no" is true, and so is every number but zero."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import pytest
from PySide6.QtNetwork import QSsl
from pytestqt.qtbot import QtBot

import qtsecure
import qtsecure.widgets
from qtsecure import CertificateRequest, Condition, ConditionNotifier, DtlsConnectionInterface, DtlsPeer
from qtsecure.widgets import TrustDialog


def _notifier() -> Any:
    peer = DtlsPeer()
    made: Any = peer.createNotifier(Condition.In)
    made.keeps = peer
    return made


_MAKERS: dict[type, Callable[[], Any]] = {
    ConditionNotifier: _notifier,
    TrustDialog: lambda: TrustDialog(CertificateRequest([], [], "host.example")),
}
"""How to make those that need something."""
_OTHERS: dict[str, Any] = {"option": QSsl.SslOption.SslOptionDisableCompression}
"""Good values for arguments that have no default and are no bools."""


def settersOf(kind: type) -> Iterator[tuple[str, list[str]]]:
    """The methods that set something, and the names of their arguments that have to be bools."""
    for name in dir(kind):
        method = inspect.getattr_static(kind, name)
        if not (name.startswith("set") or name == "shutdown") or not isinstance(method, FunctionType):
            continue
        parameters = inspect.signature(method).parameters.values()
        bools = [each.name for each in parameters if each.annotation in ("bool", bool)]
        if bools:
            yield name, bools


CASES = [
    (kind, name, bools)
    for package in (qtsecure, qtsecure.widgets)
    for kind in (getattr(package, each) for each in package.__all__)
    if inspect.isclass(kind) and kind is not DtlsConnectionInterface  # which implements nothing
    for name, bools in settersOf(kind)
]


@pytest.mark.parametrize(("kind", "name", "bools"), CASES, ids=[f"{kind.__name__}.{name}" for kind, name, _ in CASES])
def test_only_bools_are_taken(qtbot: QtBot, kind: type, name: str, bools: list[str]) -> None:
    """TypeError, which names the argument; the real ones are taken."""
    made = _MAKERS.get(kind, kind)()
    method = getattr(made, name)
    others = {each: _OTHERS[each] for each in inspect.signature(method).parameters if each in _OTHERS}
    good = dict.fromkeys(bools, True)
    for argument in bools:
        for bad in (1, 0, "no", "", [1], None):
            with pytest.raises(TypeError, match=argument):
                method(**others, **{**good, argument: bad})
    method(**others, **good)


def test_the_sweep_finds_them() -> None:
    """Those that are known, at least: an empty sweep would pass."""
    found = {f"{kind.__name__}.{name}" for kind, name, _ in CASES}
    assert {
        "SslConfiguration.setSslOption",
        "DtlsPeer.shutdown",
        "SocketClient.setTls",
        "ConnectionBadge.setTextVisible",
        "ConditionNotifier.setEnabled",
    } <= found
    assert len(found) >= 20

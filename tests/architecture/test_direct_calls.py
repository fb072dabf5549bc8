"""Methods that are called through their class, to spare PySide's look-up: an override would never be asked."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import qtsecure.net
import qtsecure.qml
from qtsecure import DtlsPeer, DtlsServer, SslServer, SslSocket

_FAMILIES = {"SslSocket": SslSocket, "SslServer": SslServer, "DtlsPeer": DtlsPeer, "DtlsServer": DtlsServer}


def _modules() -> Iterator[str]:
    for package in (qtsecure.net, qtsecure.qml):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield module.name


def _direct_calls() -> set[tuple[str, str]]:
    """Classes and methods in calls like ``Closing._drop(self)``, wherever they are."""
    found = set()
    for path in Path(qtsecure.net.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.args
                and isinstance(node.args[0], ast.Name)
                and node.args[0].id == "self"
                and node.func.attr != "__init__"
            ):
                found.add((node.func.value.id, node.func.attr))
    return found


def _subclasses(cls: type) -> Iterator[type]:
    for each in cls.__subclasses__():
        yield each
        yield from _subclasses(each)


@pytest.fixture(scope="module")
def calls() -> set[tuple[str, str]]:
    """All there are, with every class that the package has."""
    for name in _modules():
        importlib.import_module(name)
    return _direct_calls()


@pytest.mark.parametrize("family", _FAMILIES)
def test_no_layer_overrides_what_is_called_through_a_class(calls: set[tuple[str, str]], family: str) -> None:
    """Nor does a class of the package below it; what Qt has is called as Qt's own on purpose."""
    whole = _FAMILIES[family]
    layers = {cls.__name__: cls for cls in whole.__mro__ if cls.__module__.startswith("qtsecure.")}
    below = [cls for cls in _subclasses(whole) if cls.__module__.startswith("qtsecure.")]
    wrong = []
    for name, method in calls:
        if name not in layers or not hasattr(layers[name], method):
            continue
        own = next(cls for cls in layers[name].__mro__ if method in vars(cls))
        above = [*layers.values(), *below]
        wrong += [
            f"{name}.{method}() of {cls.__name__}"
            for cls in above
            if cls is not own and issubclass(cls, own) and method in vars(cls)
        ]
    assert wrong == []


def test_there_are_such_calls(calls: set[tuple[str, str]]) -> None:
    """So that the test before does not look for nothing."""
    assert ("Closing", "_drop") in calls
    assert len(calls) > 20

"""Writes ``QtSecure/qtsecure.qmltypes``, from which qmllint and editors know the types of Python.

``python -m qtsecure.qml.type_description`` writes the file anew; a test tells when that is due. PySide's
own tool reads source code instead, and does not understand ours.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from PySide6.QtCore import QMetaMethod, QMetaObject, QMetaProperty, QObject

from qtsecure.qml.enums import TlsEnums
from qtsecure.qml.types import CREATABLE, EXTENDED, MADE_BY_US

__all__ = ["FILE", "description"]

FILE = Path(__file__).parent / "QtSecure" / "qtsecure.qmltypes"

_NAMES = {cls.__name__ for cls in (CREATABLE | MADE_BY_US).values()}
_OPAQUE = {"PyObject", "QNetworkProxy"}
_GIVEN = {"certificateQuestion": "CertificateQuestion", "pskQuestion": "PskQuestion", "connectionMade": "TlsConnection"}
"""What these signals bring; the metaobject says QObject."""
_BUILT_IN = {
    *("bool", "int", "qlonglong", "double", "QString", "QByteArray", "QVariant", "QVariantList", "QVariantMap"),
    *("QStringList", "QObject"),
}


def description() -> str:
    """The text of the file."""
    components = [_component(TlsEnums, export="Tls", creatable=False)]
    for name, (plain, extension) in EXTENDED.items():
        components.append(_component(plain, export=name, extension=extension.__name__))
        components.append(_component(extension))
    components += [_component(cls, export=name) for name, cls in CREATABLE.items()]
    components += [_component(cls, export=name, creatable=False) for name, cls in MADE_BY_US.items()]
    head = "import QtQuick.tooling 1.2\n\n// Written by qtsecure.qml.type_description; changes here are lost.\n"
    return head + "Module {\n" + "".join(components) + "}\n"


def _component(cls: type[QObject], *, export: str = "", extension: str = "", creatable: bool = True) -> str:
    lines = [f'name: "{cls.__name__}"', 'accessSemantics: "reference"', 'prototype: "QObject"']
    if export:
        lines += [f'exports: ["QtSecure/{export} 1.0"]', "exportMetaObjectRevisions: [256]"]
    if extension:
        lines.append(f'extension: "{extension}"')
    if not creatable:
        lines.append("isCreatable: false")
    lines += _members(cls)
    return "    Component {\n" + "".join(f"        {line}\n" for line in lines) + "    }\n"


def _members(cls: type[QObject]) -> Iterator[str]:
    meta, base = _metaObject(cls), _metaObject(QObject)
    # With those of the bases below QObject, for which there is no description anywhere.
    for index in range(base.enumeratorCount(), meta.enumeratorCount()):
        enumerator = meta.enumerator(index)
        keys = ", ".join(f'"{_text(enumerator.key(key))}"' for key in range(enumerator.keyCount()))
        yield f'Enum {{ name: "{_text(enumerator.name())}"; isScoped: true; values: [{keys}] }}'
    for index in range(base.propertyCount(), meta.propertyCount()):
        yield _property(meta.property(index))
    for index in range(base.methodCount(), meta.methodCount()):
        yield _method(cls, meta.method(index))


def _metaObject(cls: type[QObject]) -> QMetaObject:
    return cast(QMetaObject, cls.staticMetaObject)  # type: ignore[attr-defined]  # missing in the stubs


def _property(each: QMetaProperty) -> str:
    parts = [f'name: "{_text(each.name())}"', _typed(_text(each.typeName()))]
    if not each.isWritable():
        parts.append("isReadonly: true")
    if each.isConstant():
        parts.append("isPropertyConstant: true")
    if each.hasNotifySignal():
        parts.append(f'notify: "{each.notifySignal().name().toStdString()}"')
    return f"Property {{ {'; '.join(parts)} }}"


def _method(cls: type[QObject], each: QMetaMethod) -> str:
    kind = "Signal" if each.methodType() == QMetaMethod.MethodType.Signal else "Method"
    own = each.name().toStdString()
    parts = [f'name: "{own}"']
    if kind == "Method" and _text(each.typeName()) != "void":
        parts.append(_typed(_text(each.typeName())))
    names = [name.toStdString() for name in each.parameterNames()]
    types = [type_.toStdString() for type_ in each.parameterTypes()]
    if kind == "Method" and hasattr(cls, own):
        names = list(inspect.signature(getattr(cls, own)).parameters)[1:]
    if own in _GIVEN:
        types = [f"{_GIVEN[own]}*"]
    parameters = ""
    for number, (name, type_) in enumerate(zip(names, types, strict=True)):
        parameters += (
            f'{"" if parameters else ";"} Parameter {{ name: "{name or f"argument{number}"}"; {_typed(type_)} }}'
        )
    return f"{kind} {{ {'; '.join(parts)}{parameters} }}"


def _text(name: str | bytes | bytearray | memoryview) -> str:
    """The stubs say bytes; it is text."""
    return name if isinstance(name, str) else bytes(name).decode()


def _typed(name: str) -> str:
    plain = name.rstrip("*")
    pointer = "; isPointer: true" if plain != name else ""
    if plain in _OPAQUE:
        plain, pointer = "QVariant", ""
    elif "::" in plain and not plain.startswith("TlsEnums::"):
        plain = "int"  # an enum of Qt's, which is a number in QML
    elif plain not in _BUILT_IN and plain not in _NAMES and not plain.startswith("TlsEnums::"):
        raise ValueError(f"{name} is a type that QML would not understand.")
    return f'type: "{plain}"{pointer}'


if __name__ == "__main__":
    FILE.write_text(description(), "utf-8")

"""Who may import whom, and what the engine must not touch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Set
from pathlib import Path
from typing import NamedTuple

import pytest

import qtsecure

PACKAGE = Path(qtsecure.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


class Allowed(NamedTuple):
    """What a layer may import: always, and inside functions or for type checkers only."""

    layers: Set[str]
    packages: Set[str] = frozenset()
    lazyLayers: Set[str] = frozenset()
    lazyPackages: Set[str] = frozenset()


CORE = {"PySide6.QtCore", "shiboken6"}
NETWORK = CORE | {"PySide6.QtNetwork", "cryptography", "idna"}

# Layers are the entries below qtsecure/; "" is qtsecure itself. Packages beyond the standard library.
ARROWS = {
    "": Allowed({"errors", "late_modules"}, lazyLayers={"net", "aio", "engine"}),
    "errors": Allowed(set()),
    "late_modules": Allowed({"locks"}),
    "locks": Allowed(set()),
    "__main__": Allowed({"cli"}),
    "engine": Allowed({"errors", "locks"}, {"OpenSSL", "cryptography", "idna"}, lazyPackages={"certifi"}),
    "net": Allowed({"", "engine", "errors", "late_modules", "locks"}, NETWORK),
    "aio": Allowed({"", "net", "errors"}, NETWORK),
    "qml": Allowed({"", "net", "errors"}, NETWORK | {"PySide6.QtQml", "PySide6.QtGui"}),
    "widgets": Allowed({"", "net", "errors", "late_modules"}, NETWORK | {"PySide6.QtGui", "PySide6.QtWidgets"}),
    "designer": Allowed({"", "widgets"}, CORE | {"PySide6.QtGui", "PySide6.QtWidgets", "PySide6.QtDesigner"}),
    "testing": Allowed(
        {"", "engine", "errors", "late_modules"}, CORE | {"cryptography", "pytest"}, {"net"}, {"PySide6.QtNetwork"}
    ),
    "cli": Allowed({"", "net", "engine", "errors"}, NETWORK, {"widgets", "designer", "testing"}, {"PySide6"}),
}

# The engine gets bytes and the time from its caller.
NOT_FOR_THE_ENGINE = {"asyncio", "sched", "select", "selectors", "socket", "socketserver", "time"}
# Python's ssl module loads another OpenSSL; it is only worth that where it is really used.
ONLY_LAZILY_IN_THE_ENGINE = {"ssl"}

# The only modules that may use what lies below pyOpenSSL's public API.
BELOW_PYOPENSSL = set((PACKAGE / "engine").glob("_openssl*.py"))

# What lies below pyOpenSSL's public API.
PRIVATE_OPENSSL_MODULES = ("OpenSSL._", "OpenSSL.SSL._", "cryptography.hazmat.bindings", "_cffi_backend")
PRIVATE_OPENSSL_ATTRIBUTES = {"_util", "_rust", "_lib", "_ffi", "_ssl", "_into_ssl"}


class Import(NamedTuple):
    """One imported module or name, with its full path."""

    target: str
    line: int
    lazy: bool


def layerOf(module: str) -> str:
    """Return the layer of a dotted module name below qtsecure."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def moduleName(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = ["qtsecure", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def importsOf(tree: ast.AST, lazy: bool = False) -> Iterator[Import]:
    """Walk over every import of a module and tell whether it happens when the module is loaded."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, lazy)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            for alias in node.names:
                yield Import(f"{node.module}.{alias.name}", node.lineno, lazy)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from importsOf(ast.Module(node.body, []), lazy=True)
            yield from importsOf(ast.Module(node.orelse, []), lazy)
        else:
            deferred = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from importsOf(node, lazy or deferred)


def violations(module: str, source: str) -> list[str]:
    """Return the imports of a module that its layer does not allow."""
    layer = layerOf(module)
    if layer not in ARROWS:
        return [f"{module}: the layer {layer!r} is not in the table"]
    allowed = ARROWS[layer]
    layers = {layer, *allowed.layers}
    packages = set(allowed.packages)
    found = []
    for target, line, lazy in importsOf(ast.parse(source)):
        top = target.partition(".")[0]
        if top == "qtsecure":
            other = layerOf(target)
            # "from qtsecure import X": X is a layer or one of the public names.
            if other not in ARROWS:
                other = ""
            fine = other in layers or (lazy and other in allowed.lazyLayers)
        elif top in sys.stdlib_module_names:
            fine = True
        else:
            some = packages | allowed.lazyPackages if lazy else packages
            fine = any(target == package or target.startswith(f"{package}.") for package in some)
        if not fine:
            found.append(f"{module}:{line} imports {target}{' lazily' if lazy else ''}")
    return found


def privateOpensslUses(source: str) -> list[str]:
    """Return what a module takes from below pyOpenSSL's public API."""
    tree = ast.parse(source)
    found = [target for target, _, _ in importsOf(tree) if target.startswith(PRIVATE_OPENSSL_MODULES)]
    for node in ast.walk(tree):
        # An object may well have a member _ssl of its own.
        own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
        if isinstance(node, ast.Attribute) and node.attr in PRIVATE_OPENSSL_ATTRIBUTES and not own:
            found.append(f"{ast.unparse(node)} in line {node.lineno}")
        if isinstance(node, ast.Constant) and node.value in PRIVATE_OPENSSL_ATTRIBUTES:
            found.append(f"{node.value!r} in line {node.lineno}")
    return found


def clockUses(source: str) -> list[str]:
    """Return where a module looks at a clock, a socket or a timer."""
    tree = ast.parse(source)
    found = []
    for target, _, lazy in importsOf(tree):
        top = target.partition(".")[0]
        if top in NOT_FOR_THE_ENGINE or (top in ONLY_LAZILY_IN_THE_ENGINE and not lazy):
            found.append(target)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            if called in {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "threading.Timer"} or (
                called.startswith("datetime.datetime.") and node.func.attr in {"now", "utcnow", "today"}
            ):
                found.append(f"{called}() in line {node.lineno}")
    return found


def python(code: str) -> str:
    """Run code in a new interpreter that finds this checkout and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("path", MODULES, ids=moduleName)
def test_imports_follow_the_arrows(path: Path) -> None:
    """No module imports what its layer must not know."""
    assert violations(moduleName(path), path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("qtsecure.engine.x", "from PySide6.QtCore import QObject"),
        ("qtsecure.engine.x", "def f():\n    from PySide6 import QtCore"),
        ("qtsecure.engine.x", "if TYPE_CHECKING:\n    from qtsecure.net.values import SslError"),
        ("qtsecure.net.x", "import OpenSSL.SSL"),
        ("qtsecure.net.x", "from PySide6.QtGui import QColor"),
        ("qtsecure.net.x", "from qtsecure import cli"),
        ("qtsecure.testing.x", "from qtsecure.net.values import SslError"),
        ("qtsecure.cli.x", "import qtsecure.widgets"),
        ("qtsecure", "from qtsecure.net.values import SslError"),
        ("qtsecure.elsewhere", ""),
    ],
)
def test_a_wrong_arrow_is_found(module: str, source: str) -> None:
    """The check above can fail."""
    assert violations(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("qtsecure.engine.x", "from OpenSSL import SSL\nfrom qtsecure.engine.y import Z\nimport dataclasses"),
        ("qtsecure.net.x", "from qtsecure.engine import y\nfrom PySide6.QtNetwork import QSsl"),
        ("qtsecure.testing.x", "def f():\n    from qtsecure.net.values import SslError"),
        ("qtsecure.cli.x", "import qtsecure\ndef f():\n    import qtsecure.designer"),
        ("qtsecure", "if TYPE_CHECKING:\n    from qtsecure.net.values import SslError"),
    ],
)
def test_a_right_arrow_is_let_through(module: str, source: str) -> None:
    """The check above does not fail for what is right."""
    assert violations(module, source) == []


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("engine/**/*.py")), ids=moduleName)
def test_engine_has_no_socket_and_no_clock(path: Path) -> None:
    """Bytes and the time come from the caller."""
    assert clockUses(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source", ["import time", "from socket import AF_INET", "datetime.datetime.now(tz)", "threading.Timer(1, f)"]
)
def test_a_clock_is_found(source: str) -> None:
    """The check above can fail."""
    assert clockUses(source)


@pytest.mark.parametrize("path", [path for path in MODULES if path not in BELOW_PYOPENSSL], ids=moduleName)
def test_few_modules_go_below_pyopenssl(path: Path) -> None:
    """Whatever is not public in pyOpenSSL is used in engine/_openssl*.py only."""
    assert privateOpensslUses(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "from OpenSSL._util import lib",
        "from cryptography.hazmat.bindings._rust import openssl",
        "SSL._lib.SSL_read",
        "connection._ssl",
        "SSL.Connection._into_ssl",
        "getattr(connection, '_ssl')",
    ],
)
def test_going_below_is_found(source: str) -> None:
    """The check above can fail."""
    assert privateOpensslUses(source)


def test_engine_works_without_pyside() -> None:
    """Every module of the engine loads where PySide6 cannot."""
    names = [moduleName(path) for path in MODULES if path.is_relative_to(PACKAGE / "engine")]
    assert names
    code = f"""
import importlib, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("PySide6", "shiboken6"):
            raise ImportError(f"the engine wanted {{name}}")

sys.meta_path.insert(0, Refuse())
for name in {names}:
    importlib.import_module(name)
"""
    python(code)


def test_plain_import_is_light() -> None:
    """``import qtsecure`` loads neither Qt nor OpenSSL."""
    code = "import qtsecure, sys; print(sorted({n.partition('.')[0] for n in sys.modules}))"
    loaded = python(code)
    assert not any(repr(name) in loaded for name in ("PySide6", "shiboken6", "OpenSSL", "cryptography")), loaded


def test_sockets_load_no_gui() -> None:
    """A headless server loads QtCore and QtNetwork, nothing else of Qt."""
    code = "import qtsecure, sys; qtsecure.SslSocket; qtsecure.SslServer; print(*sys.modules)"
    loaded = {name.split(".")[1] for name in python(code).split() if name.startswith("PySide6.Qt")}
    assert loaded == {"QtCore", "QtNetwork"}


def test_qml_is_loaded_by_register_only() -> None:
    """A program that has the import path needs no QtQml yet, nor do connections in a program that has QML."""
    code = """
import sys, qtsecure.qml
print("PySide6" in sys.modules)
qtsecure.qml.register()
print("PySide6.QtQml" in sys.modules, "PySide6.QtQuick" in sys.modules, "PySide6.QtWidgets" in sys.modules)
"""
    assert python(code) == "False\nTrue False False"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("qml/*.py")), ids=moduleName)
def test_few_modules_need_qml(path: Path) -> None:
    """The objects behind the types are QObjects as any others; only registering them needs QtQml."""
    eager = [target for target, _, lazy in importsOf(ast.parse(path.read_text("utf-8"))) if not lazy]
    needs = any(target.startswith(("PySide6.QtQml", "PySide6.QtQuick")) for target in eager)
    assert needs == (path.name == "types.py")


def test_the_package_of_widgets_is_light() -> None:
    """``import qtsecure.widgets`` loads no GUI module until a widget is used."""
    loaded = python("import qtsecure.widgets, sys; print(*sys.modules)").split()
    assert not any(name.startswith("PySide6") for name in loaded)

"""What is loaded late is found, and is not loaded early."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

from qtsecure.net import late, values
from tests.architecture.test_layers import PACKAGE, importsOf, python

FACADES = [late, values]
PLACES = {
    **{name: f"qtsecure.{place}" for place, names in late._PLACES.items() for name in names},
    **{name: f"qtsecure.net.values.{place}" for name, place in values._PLACES.items()},
}


@pytest.mark.parametrize("facade", FACADES, ids=lambda module: module.__name__)
def test_every_late_name_has_its_module(facade: ModuleType) -> None:
    """Each is the object of its module, also the second time."""
    for name in facade.__all__:
        found = getattr(facade, name)
        assert found is getattr(importlib.import_module(PLACES[name]), name)
        assert vars(facade)[name] is found


@pytest.mark.parametrize("facade", FACADES, ids=lambda module: module.__name__)
def test_type_checkers_see_the_same_late_names(facade: ModuleType) -> None:
    """The imports for type checkers name every name."""
    assert facade.__file__ is not None
    block = Path(facade.__file__).read_text("utf-8").partition("if TYPE_CHECKING:\n")[2].partition("\n\n")[0]
    assert [name for name in facade.__all__ if name not in block.replace(",", " ").split()] == []


@pytest.mark.parametrize("facade", FACADES, ids=lambda module: module.__name__)
def test_an_unknown_late_name(facade: ModuleType) -> None:
    """A typing error is an AttributeError that names it."""
    with pytest.raises(AttributeError, match=rf"module '{facade.__name__}' has no attribute 'SslSokcet'"):
        _ = facade.SslSokcet


def fileOf(module: str) -> Path | None:
    """The file of a module of ours; of the module of a name, too."""
    parts = module.split(".")[1:]
    for path in (PACKAGE.joinpath(*parts).with_suffix(".py"), PACKAGE.joinpath(*parts, "__init__.py")):
        if path.exists():
            return path
    return fileOf(module.rpartition(".")[0]) if len(parts) > 1 else None


def test_late_modules_import_one_another_directly() -> None:
    """Through a facade they would wait for its lock while they hold the lock of an import."""
    waiting, seen, through = [*PLACES.values()], set[Path](), []
    while waiting:
        path = fileOf(waiting.pop())
        if path is None or path in seen:
            continue
        seen.add(path)
        for target, line, lazy in importsOf(ast.parse(path.read_text("utf-8"))):
            if lazy or not target.startswith("qtsecure."):
                continue
            if target == "qtsecure.net.late" or target.removeprefix("qtsecure.net.values.") in values.__all__:
                through.append(f"{path.relative_to(PACKAGE)}:{line} imports {target}")
            waiting.append(target)
    assert len(seen) > 30
    assert through == []


def test_a_socket_that_does_not_connect_needs_little() -> None:
    """Importing and making one loads neither the engine nor configurations, but tells of a broken installation."""
    code = """
import sys
from PySide6.QtCore import QCoreApplication
from qtsecure import SslSocket
application = QCoreApplication([])
SslSocket()
print(*sys.modules)
"""
    loaded = set(python(code).split())
    assert "qtsecure.engine._openssl_pipes" in loaded
    late = {
        *("qtsecure.engine.tls_stream", "qtsecure.engine.configuration", "qtsecure.engine.sessions"),
        *(
            "qtsecure.net.values.ssl_configuration",
            "qtsecure.net.questions.handshake_questions",
            "qtsecure.net.event_loop.reactor",
        ),
        *("cryptography.hazmat.primitives.serialization", "dataclasses"),
    }
    assert loaded & late == set()


def test_threads_may_need_the_same_at_the_same_time() -> None:
    """Each name is loaded once, whoever comes first, and nobody waits for ever."""
    code = """
import random, sys, threading
sys.setswitchinterval(1e-5)
from qtsecure.net import late, values

start = threading.Barrier(8)
problems = []

def load(seed):
    names = [(module, name) for module in (late, values) for name in module.__all__]
    random.Random(seed).shuffle(names)
    start.wait()
    for module, name in names:
        try:
            getattr(module, name)
        except BaseException as error:
            problems.append(repr(error))

threads = [threading.Thread(target=load, args=(seed,)) for seed in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(30)
print(any(thread.is_alive() for thread in threads), problems)
"""
    assert python(code) == "False []"


def test_nothing_is_left_to_load_when_a_handshake_begins() -> None:
    """Who listens or connects has loaded everything before: the deadline of the handshake is for the network."""
    code = """
import sys
from PySide6.QtCore import QCoreApplication
from qtsecure import SslConfiguration, SslServer, SslSocket
from qtsecure.net import late
application = QCoreApplication([])
{begin}
print([name for name in late.__all__ if name not in vars(late)])
"""
    assert python(code.format(begin="server = SslServer(); server.listen('127.0.0.1')")) == "[]"
    assert python(code.format(begin="client = SslSocket(); client.connectToHostEncrypted('127.0.0.1', 1)")) == "[]"

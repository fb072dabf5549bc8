"""The traps of Python widgets in Qt Designer (des-D1 to des-D9), each with what keeps us out of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import PySide6
import pytest
from PySide6.QtCore import QBuffer, QByteArray
from PySide6.QtUiTools import QUiLoader
from PySide6.QtWidgets import QAbstractItemView, QFrame, QWidget

import qtsecure
from qtsecure.cli.designer import designerEnvironment, hasSharedPython, pluginDirectory
from qtsecure.designer.plugin import GROUP, PLUGINS, WidgetPlugin
from qtsecure.widgets import CertificateView, ConnectionBadge, HandshakeLog, PskForm, registerWith
from qtsecure.widgets.ui_loader import FORM_WIDGETS
from tests.designer.form import formWith

ROOT = Path(qtsecure.__file__).parents[1]
SCRIPT = pluginDirectory() / "register_qtsecure.py"
UIC = next(
    path for name in ("uic", "libexec/uic", "Qt/libexec/uic") if (path := Path(PySide6.__file__).parent / name).exists()
)
NAMES = [widget.__name__ for widget in FORM_WIDGETS]
DESIGNABLE = {
    "ConnectionBadge": {"textVisible": "<bool>false</bool>", "certificateOnClick": "<bool>false</bool>"},
    "CertificateView": {"buttonsVisible": "<bool>false</bool>"},
    "HandshakeLog": {"maximumEntries": "<number>7</number>"},
    "PskForm": {"identity": "<string>sensor</string>", "keyIsText": "<bool>true</bool>"},
}
EXPECTED = {
    "ConnectionBadge": {"textVisible": False, "certificateOnClick": False},
    "CertificateView": {"buttonsVisible": False},
    "HandshakeLog": {"maximumEntries": 7},
    "PskForm": {"identity": "sensor", "keyIsText": True},
}

# Runs after ours, tells what Designer has, what its classes are, and what they cost.
PROBE = """
import sys
from PySide6.QtDesigner import QPyDesignerCustomWidgetCollection
for each in QPyDesignerCustomWidgetCollection.instance().customWidgets():
    print("HAS", each.name(), each.group(), each.includeFile(), not each.icon().isNull(), flush=True)
print("PREFIX", sys.prefix, "END", flush=True)
"""


def uic(form: Path) -> str:
    """What pyside6-uic makes of a form."""
    done = subprocess.run(
        [str(UIC), "-g", "python", str(form)], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


def built(source: str) -> object:
    """Run what uic has made, and set its form up."""
    scope: dict[str, object] = {}
    exec(compile(source, "ui_form.py", "exec"), scope)
    ui, window = scope["Ui_Form"](), QWidget()
    ui.setupUi(window)
    ui.window = window
    return ui


@pytest.fixture(scope="module")
def designerOutput(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What Designer prints when it starts with our plugins, as the command starts it."""
    directory = tmp_path_factory.mktemp("designer")
    (directory / "register_z_probe.py").write_text(PROBE)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {
        "QT_QPA_PLATFORM": "offscreen",
        "QT_LOGGING_RULES": "qt.pysideplugin=true",
        "PYSIDE_DESIGNER_PLUGINS": str(directory),
        "HOME": str(directory),
        "XDG_CONFIG_HOME": str(directory),
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "qtsecure", "designer", str(ROOT / "examples" / "designer_form" / "connection.ui")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith("PREFIX") or "Error" in line:
                break
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
    return "".join(lines)


needsSharedPython = pytest.mark.skipif(
    sys.platform != "linux" or not hasSharedPython(), reason="Designer needs a shared libpython for plugins in Python"
)


@needsSharedPython
def test_des_d01_designer_loads_the_plugins(designerOutput: str) -> None:
    """Started by the command, Designer has every widget, in our group, with an icon."""
    for name in NAMES:
        assert f"HAS {name} {GROUP} qtsecure.widgets True" in designerOutput


@needsSharedPython
def test_des_d02_without_an_activated_environment(designerOutput: str) -> None:
    """The embedded Python finds the packages of this environment, though nothing has activated it."""
    assert "No module named" not in designerOutput
    environment = designerEnvironment({"PATH": "/nowhere"})
    assert environment["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/nowhere"]
    paths = environment["PYTHONPATH"].split(os.pathsep)
    assert str(ROOT) in paths
    assert str(Path(PySide6.__file__).parents[1]) in paths


def test_des_d02_what_the_user_has_set_stays() -> None:
    """Other plugins and packages are found as before, behind ours."""
    given = {"PYSIDE_DESIGNER_PLUGINS": "mine", "PYTHONPATH": "packages", "LANG": "C"}
    environment = designerEnvironment(given)
    assert environment["PYSIDE_DESIGNER_PLUGINS"].split(os.pathsep) == [str(pluginDirectory()), "mine"]
    assert environment["PYTHONPATH"].endswith(os.pathsep + "packages")
    assert environment["LANG"] == "C"


def test_des_d03_the_script_only_imports_and_registers(qapp) -> None:
    """It runs without __file__, and with locals of its own, where functions do not see each other."""
    code = compile(SCRIPT.read_text("utf-8"), "<string>", "exec")
    exec(code, {"__name__": "__main__"}, {})
    source = [line for line in SCRIPT.read_text("utf-8").splitlines() if line and not line.startswith(('"""', "#"))]
    assert source == ["from qtsecure.designer import register", "register()"]


@needsSharedPython
def test_des_d04_no_script_fails(designerOutput: str) -> None:
    """One exception, and there would be no widget at all, with a line in the log as the only trace."""
    assert f'running "{SCRIPT}"' in designerOutput
    assert "Traceback" not in designerOutput
    assert "Error" not in designerOutput


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stdset", [False, True], ids=["designer", "by-hand"])
def test_des_d05_properties_through_uic(qtbot, tmp_path: Path, name: str, stdset: bool) -> None:
    """As Designer writes them (setProperty), and as people do (setX): both exist."""
    form = tmp_path / "form.ui"
    form.write_text(formWith({name: DESIGNABLE[name]}, stdset=stdset))
    source = uic(form)
    assert ("setProperty(" in source) is not stdset
    ui = built(source)
    qtbot.addWidget(ui.window)
    widget = getattr(ui, f"the{name}")
    assert {key: getattr(widget, key) for key in EXPECTED[name]} == EXPECTED[name]


@pytest.mark.parametrize("widget", FORM_WIDGETS, ids=NAMES)
def test_des_d05_each_property_has_its_setter(widget: type[QWidget]) -> None:
    """And no property is left out of the tests."""
    meta = widget.staticMetaObject
    own = [meta.property(index).name() for index in range(meta.propertyOffset(), meta.propertyCount())]
    assert set(own) == set(DESIGNABLE[widget.__name__])
    for name in own:
        assert callable(getattr(widget, f"set{name[0].upper()}{name[1:]}"))


@pytest.mark.parametrize("widget", FORM_WIDGETS, ids=NAMES)
def test_des_d06_no_enum_of_ours(widget: type[QWidget]) -> None:
    """Designer, uic and QUiLoader disagree about them; states of a connection are no matter of a form."""
    meta = widget.staticMetaObject
    for index in range(meta.propertyOffset(), meta.propertyCount()):
        assert not meta.property(index).isEnumType()
        assert meta.property(index).typeName() in ("bool", "int", "QString")


@pytest.mark.parametrize("widget", FORM_WIDGETS, ids=NAMES)
def test_des_d07_no_item_widgets(widget: type[QWidget]) -> None:
    """Their rows would be written into the form, and added once more when it is loaded."""
    assert not issubclass(widget, (QAbstractItemView, QFrame))
    assert issubclass(widget, QWidget)


def test_des_d08_visible_things_only(qtbot) -> None:
    """Sockets are made in code: what can be placed is a widget that works without one."""
    for description in PLUGINS:
        widget = WidgetPlugin(description).createWidget(None)
        qtbot.addWidget(widget)
        widget.show()
        assert isinstance(widget, QWidget)
        assert widget.isVisible()
    assert [description.widget for description in PLUGINS] == list(FORM_WIDGETS)


@pytest.mark.parametrize("name", NAMES)
def test_des_d09_imports_by_uic(tmp_path: Path, name: str) -> None:
    """The header of a custom widget is the module that uic imports from."""
    form = tmp_path / "form.ui"
    form.write_text(formWith({name: {}}))
    assert f"from qtsecure.widgets import {name}" in uic(form)


def test_descriptions(qapp) -> None:
    """What Designer shows of each."""
    for description in PLUGINS:
        plugin = WidgetPlugin(description)
        assert plugin.group() == "qtsecure"
        assert plugin.includeFile() == "qtsecure.widgets"
        assert plugin.toolTip()
        assert "()" in plugin.whatsThis()
        assert not plugin.icon().isNull()
        assert not plugin.isContainer()
        assert not plugin.isInitialized()
        plugin.initialize(None)
        assert f'class="{plugin.name()}"' in plugin.domXml()


def load(form: str, *, register: bool) -> QWidget:
    """A form through QUiLoader."""
    loader = QUiLoader()
    if register:
        registerWith(loader)
    buffer = QBuffer()
    buffer.setData(QByteArray(form.encode()))
    assert buffer.open(QBuffer.OpenModeFlag.ReadOnly)
    return loader.load(buffer)


def test_quiloader(qtbot) -> None:
    """All widgets with their properties."""
    window = load(formWith(DESIGNABLE), register=True)
    qtbot.addWidget(window)
    for widget in (ConnectionBadge, CertificateView, HandshakeLog, PskForm):
        found = window.findChild(widget, f"the{widget.__name__}")
        assert type(found) is widget
        expected = EXPECTED[widget.__name__]
        assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize(("plugins", "made"), [(str(pluginDirectory()), "ConnectionBadge False"), ("", "QWidget None")])
def test_quiloader_by_the_environment(tmp_path: Path, plugins: str, made: str) -> None:
    """With PYSIDE_DESIGNER_PLUGINS a program needs no registration; with neither, the base class is made silently."""
    code = """
import sys
from PySide6.QtWidgets import QApplication
from PySide6.QtUiTools import QUiLoader
app = QApplication([])
window = QUiLoader().load(sys.argv[1])
print(type(window.theConnectionBadge).__name__, getattr(window.theConnectionBadge, "textVisible", None))
"""
    form = tmp_path / "form.ui"
    form.write_text(formWith({"ConnectionBadge": DESIGNABLE["ConnectionBadge"]}))
    done = subprocess.run(
        [sys.executable, "-c", code, str(form)],
        env=os.environ | {"PYSIDE_DESIGNER_PLUGINS": plugins, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == f"{made}\n", done.stderr

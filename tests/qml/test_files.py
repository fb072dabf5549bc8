"""The module's files: complete, up to date, clean, and in the wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QSslError

import qtsecure.qml
from qtsecure import SslError
from qtsecure.qml.type_description import FILE
from qtsecure.qml.values import errorMaps
from qtsecure.widgets import installTranslations
from tests.qml.conftest import Load

MODULE = Path(qtsecure.qml.IMPORT_PATH) / "QtSecure"
ROOT = Path(qtsecure.qml.IMPORT_PATH).parents[1]
DOCUMENTS = sorted([*MODULE.glob("*.qml"), *ROOT.glob("examples/**/*.qml"), *ROOT.glob("tests/qml/quick/*.qml")])


def test_description_is_up_to_date() -> None:
    """Else run ``python -m qtsecure.qml.type_description``."""
    # In an interpreter of its own: PySide renews metaobjects that are in use.
    code = "import sys; from qtsecure.qml.type_description import description; sys.stdout.write(description())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert FILE.read_text("utf-8") == done.stdout


def test_qmldir_names_every_file() -> None:
    """No more and no less, with the file's own name for the type."""
    lines = (MODULE / "qmldir").read_text("utf-8").splitlines()
    named = [re.fullmatch(r"(?:internal )?(\w+) (?:1\.0 )?(\w+\.qml)", line) for line in lines]
    files = {match[2]: match[1] for match in named if match}
    assert files == {path.name: path.stem for path in MODULE.glob("*.qml")}


def qmllint(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run PySide's qmllint, every warning an error."""
    command = shutil.which("pyside6-qmllint") or str(Path(sys.executable).with_name("pyside6-qmllint"))
    code = "import sys; from PySide6.scripts.pyside_tool import qmllint; sys.argv[0] = 'qmllint'; sys.exit(qmllint())"
    start = [command] if Path(command).exists() else [sys.executable, "-c", code]
    return subprocess.run(
        [*start, "-W", "0", "-I", qtsecure.qml.IMPORT_PATH, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_qmllint() -> None:
    """Module, examples and tests."""
    done = qmllint(*map(str, DOCUMENTS))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_qmllint_knows_the_types(tmp_path: Path) -> None:
    """The check above can fail: it knows what a type has, and what a handler is given."""
    document = tmp_path / "Wrong.qml"
    document.write_text(
        "import QtQml\nimport QtSecure\nTlsSocket {\n"
        "    onCertificateQuestion: question => question.acept()\n    port: 3\n}\n",
        "utf-8",
    )
    done = qmllint(str(document))
    assert done.returncode != 0
    assert "acept" in done.stdout + done.stderr
    assert "port" in done.stdout + done.stderr


@pytest.mark.parametrize("document", sorted(MODULE.glob("*.qml")), ids=lambda path: path.stem)
def test_texts_can_be_translated(document: Path) -> None:
    """What users read goes through qsTr()."""
    source = document.read_text("utf-8")
    bare = re.findall(r'^\s*(?:text|title|placeholderText|Accessible\.name): "[^"\\]', source, re.MULTILINE)
    assert bare == []


@pytest.mark.slow
def test_wheel(tmp_path: Path) -> None:
    """The files are in a wheel that is built here."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(tmp_path),
        str(ROOT),
    ]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=120, check=False)
    if "hatchling" in done.stderr:
        pytest.skip("there is no hatchling here")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = {Path(name).name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("qtsecure/qml/QtSecure/")}
    assert names == {path.name for path in MODULE.iterdir()}


def test_parts_in_german(qapp: QCoreApplication, load: Load) -> None:
    """The translations of the widgets hold for the parts, too, and for what is wrong with a certificate."""
    assert installTranslations("de")
    try:
        document = load(
            "StatusBadge { property string heading: prompt.title; property TrustPrompt prompt: TrustPrompt { } }"
        )
        assert document.get("text") == "Nicht verbunden"
        assert document.get("heading").endswith("ist nicht zu trauen")
        (error,) = errorMaps([SslError(QSslError.SslError.CertificateExpired)])
        assert "abgelaufen" in str(error["text"])
        assert str(error["advice"]).startswith("Der Server braucht")
    finally:
        installTranslations("en")

"""Brings the translations up to date: ``python -m tests.translations`` after texts have changed.

Translate what is new with ``pyside6-linguist qtsecure/widgets/translations/qtsecure_de.ts``, and run it again.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import PySide6

from qtsecure import SslError
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.net.questions.certificate_advice import adviceTexts
from qtsecure.widgets.certificate_facts import PLURALS
from qtsecure.widgets.translating import DIRECTORY

WIDGETS = DIRECTORY.parent
QML = WIDGETS.parent / "qml"
ERRORS = WIDGETS.parent / "net" / "questions" / "error_words.py"
TOOLS = Path(PySide6.__file__).parent


def engineTexts() -> list[tuple[str, str]]:
    """Context and text of what is written below the widgets, where nothing is translated."""
    errors = {SslError.fromIssue(VerificationIssue(int(code), 0, None)).errorString() for code in IssueCode}
    return [*(("Advice", text) for text in sorted(adviceTexts())), *(("SslError", text) for text in sorted(errors))]


def update(file: Path) -> None:
    """Merge the texts of today into a .ts file."""
    # Not in the package, where other tests read every file. A line number would change with each edit.
    with tempfile.TemporaryDirectory() as directory:
        extra = Path(directory, "engine_texts.py")
        lines = [f"QT_TRANSLATE_NOOP({context!r}, {text!r})\n" for context, text in engineTexts()]
        lines += [f"translate('CertificateFacts', {text!r}, '', 2)\n" for text in PLURALS]
        extra.write_text("".join(lines), "utf-8")
        sources = sorted(map(str, [*WIDGETS.glob("*.py"), *QML.glob("*.py"), *QML.glob("QtSecure/*.qml"), ERRORS]))
        options = ["-locations", "none", "-no-obsolete", "-silent"]
        subprocess.run([_tool("lupdate"), *options, *sources, str(extra), "-ts", str(file)], check=True)


def compileTranslation(file: Path, target: Path) -> None:
    """Make the .qm file that programs load."""
    subprocess.run([_tool("lrelease"), "-silent", str(file), "-qm", str(target)], check=True)


def _tool(name: str) -> str:
    return str(next(path for path in (TOOLS / name, TOOLS / f"{name}.exe") if path.exists()))


def main() -> None:
    """Update and compile each language."""
    for file in sorted(DIRECTORY.glob("*.ts")):
        update(file)
        compileTranslation(file, file.with_suffix(".qm"))


if __name__ == "__main__":
    main()

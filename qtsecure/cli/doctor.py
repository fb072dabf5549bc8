"""``qtsecure doctor``: what this computer has, and what it lacks.

Everything of Qt is tried in a process of its own: the doctor has to work where Qt cannot be loaded.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys

import qtsecure
from qtsecure.cli.environment import remarkableVariables
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output
from qtsecure.cli.system_libraries import (
    NOT_FROM_HERE,
    installCommand,
    missingLibraries,
    packageOf,
    pysideFile,
    unresolvedLibraries,
)
from qtsecure.errors import SecureError

__all__ = ["doctor"]

_DISTRIBUTIONS = ("PySide6-Essentials", "pyOpenSSL", "cryptography")
_NEEDED = ("QtCore", "QtNetwork")
_OPTIONAL = ("QtGui", "QtWidgets", "QtQml")
_WINDOW_PLUGIN = "Qt/plugins/platforms/libqxcb.so"
_TIMEOUT_S = 60
_GROUPS = ("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "X25519", "P-256", "P-384", "P-521", "X448")
"""Those worth naming, the best first; OpenSSL has no list to ask for."""


def doctor() -> ExitCode:
    """Print the findings; not OK if something is missing that every connection needs."""
    examination = _Examination(Output("doctor"))
    examination.versions()
    examination.engine()
    examination.trust()
    examination.environment()
    examination.qt()
    return examination.verdict()


class _Examination:
    """Prints one finding after the other and remembers the bad ones."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._packages: list[str] = []
        self._unknown: list[str] = []
        self._broken = False

    def _say(self, topic: str, finding: str) -> None:
        self._output.line(f"{topic:<22}{finding}")

    def versions(self) -> None:
        self._say("qtsecure", qtsecure.__version__)
        self._say("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
        for name in _DISTRIBUTIONS:
            try:
                self._say(name, importlib.metadata.version(name))
            except importlib.metadata.PackageNotFoundError:
                self._say(name, f"not installed; run '{sys.executable} -m pip install {name}'")
                self._broken = True

    def engine(self) -> None:
        try:
            from qtsecure.engine.features import probe_features
            from qtsecure.engine.supported import is_group_supported
        except ImportError as error:
            self._say("engine", f"cannot be loaded: {error}")
            self._broken = True
            return
        features = probe_features()
        self._say("OpenSSL", f"{features.openssl_version}, inside cryptography")
        self._say("pre-shared keys", _yes(features.psk))
        self._say("OCSP stapling", _yes(features.ocsp))
        self._say("key exchange", ", ".join(filter(is_group_supported, _GROUPS)))
        self._say("DTLS 1.2", _yes(features.dtls))
        self._say("DTLS 1.3", _yes(features.dtls_1_3) + ("" if features.dtls_1_3 else "; comes with OpenSSL 4.1"))
        if not features.raw_path:
            self._say("fast path", "no; this version of cryptography hides it, and connections are slower")

    def trust(self) -> None:
        try:
            from qtsecure.engine.trust import TrustAnchors

            anchors = TrustAnchors.system()
        except ImportError:
            return  # the engine is missing, which has been told
        except SecureError as error:
            self._say("trusted certificates", f"none. {error.message}")
            return
        skipped = f"; {anchors.skipped} cannot be read" if anchors.skipped else ""
        self._say("trusted certificates", f"{len(anchors)} from {anchors.origin}{skipped}")

    def environment(self) -> None:
        for name, remark in remarkableVariables(os.environ):
            self._say(name, remark)

    def qt(self) -> None:
        for module in _NEEDED + _OPTIONAL:
            complaint = _importError(module)
            if complaint is None:
                self._say(module, "works")
                continue
            self._broken = self._broken or module in _NEEDED
            self._lacks(module, complaint, f"{module}.abi3.so")
        plugin = pysideFile(_WINDOW_PLUGIN)
        if plugin is not None:
            self._lacks("windows on X11", unresolvedLibraries(plugin), None)
        if not self._broken:
            self._say("transport", _transport())

    def _lacks(self, topic: str, complaint: str, file: str | None) -> None:
        libraries = missingLibraries(complaint)
        path = pysideFile(file) if file is not None else None
        if path is not None:
            # The loader stops at the first library that is missing; ldd names all of them.
            libraries = list(dict.fromkeys([*libraries, *missingLibraries(unresolvedLibraries(path))]))
        for library in libraries:
            package = packageOf(library)
            if package is None:
                self._unknown.append(library)
            else:
                self._packages.append(package)
        if libraries:
            self._say(topic, f"lacks {', '.join(libraries)}")
        elif file is None:
            self._say(topic, "work")
        else:
            self._say(topic, f"cannot be loaded: {complaint}")

    def verdict(self) -> ExitCode:
        """The advice at the end."""
        if self._packages:
            self._output.line(f"\nOn Debian and Ubuntu, run: {installCommand(self._packages)}")
        if self._unknown:
            missing = ", ".join(dict.fromkeys(self._unknown))
            self._output.line(f"\nInstall the packages of your distribution that contain: {missing}")
        if self._broken:
            self._output.warning("Connections do not work here; see above for what is missing.")
            return ExitCode.INTERNAL_ERROR
        return ExitCode.OK


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _transport() -> str:
    from qtsecure.net.event_loop.reactor import reactorAvailable
    from qtsecure.net.transports.choice import usesReactor

    try:
        reactor = usesReactor()
    except SecureError as error:
        return error.message
    if reactor:
        return "reactor: own sockets, whose cost does not grow with idle connections"
    reason = "chosen by QTSECURE_TRANSPORT" if reactorAvailable else "this system has neither epoll nor kqueue"
    return f"Qt's sockets ({reason})"


def _importError(module: str) -> str | None:
    """What Python says when it imports a module of PySide6; None when it says nothing."""
    run = subprocess.run(
        [sys.executable, "-c", f"{NOT_FROM_HERE}import PySide6.{module}"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIMEOUT_S,
        check=False,
    )
    if run.returncode == 0:
        return None
    return next(reversed(run.stderr.strip().splitlines()), f"the process ended with the code {run.returncode}")

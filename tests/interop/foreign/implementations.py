"""Which other implementations there are, and what they cannot do."""

from __future__ import annotations

import importlib.util
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import NamedTuple

from PySide6.QtCore import qVersion
from PySide6.QtNetwork import QSslSocket

from tests.interop.foreign.base import DTLS, ForeignClient, ForeignServer
from tests.interop.foreign.gnutls_program import GnutlsClient, GnutlsServer
from tests.interop.foreign.openssl_program import OpensslClient, OpensslServer
from tests.interop.foreign.python_ssl import PythonClient, PythonServer
from tests.interop.foreign.qt_dtls import QtDatagramClient, QtDatagramServer
from tests.interop.foreign.qt_tls import QtClient, QtServer
from tests.interop.foreign.workers import TlsliteClient, TlsliteServer, TrioClient, TrioServer

TLS = ("1.2", "1.3")


class Gap(NamedTuple):
    """What an implementation cannot do."""

    feature: str
    reason: str
    versions: tuple[str, ...] = (*TLS, DTLS)
    roles: tuple[str, ...] = ("server", "client")
    """Of the other implementation."""


@dataclass(frozen=True)
class Implementation:
    """Another implementation."""

    title: str
    server: type[ForeignServer]
    client: type[ForeignClient]
    versions: tuple[str, ...]
    release: Callable[[], str]
    """Which release it is, or an empty string if it cannot be used here."""
    needs: str
    """What to install for it."""
    gaps: tuple[Gap, ...] = ()
    needsCertificate: bool = False
    """Also a server that uses a key only."""
    goodbye: bool = True
    """Whether its client ends with close_notify."""

    def missing(self) -> str:
        """Why it cannot be used here, or an empty string."""
        return "" if self.release() else f"{self.needs} is not installed"

    def lacks(self, feature: str, version: str, role: str) -> str:
        """Why it cannot do something in a role, or an empty string."""
        for gap in self.gaps:
            if gap.feature == feature and version in gap.versions and role in gap.roles:
                return gap.reason
        return ""


def _program(name: str) -> Callable[[], str]:
    def release() -> str:
        if shutil.which(name) is None:
            return ""
        option = "version" if name == "openssl" else "--version"
        text = subprocess.run([name, option], capture_output=True, text=True, timeout=10, check=True).stdout
        found = re.search(r"\d+\.\d+\.\d+", text)
        return found[0] if found else "unknown"

    return release


def _package(name: str, module: str) -> Callable[[], str]:
    return lambda: metadata.version(name) if importlib.util.find_spec(module) else ""


def _ofPython() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}, {ssl.OPENSSL_VERSION[:14]}"


def _ofQt() -> str:
    return f"{qVersion()}, {QSslSocket.sslLibraryVersionString()[:14]}" if QSslSocket.supportsSsl() else ""


_OLD_PYTHON = Gap("PSK", "Python's ssl module has pre-shared keys from Python 3.13 on")

IMPLEMENTATIONS = {
    "openssl": Implementation(
        "openssl command line", OpensslServer, OpensslClient, (*TLS, DTLS), _program("openssl"), "openssl"
    ),
    "gnutls": Implementation(
        "gnutls-serv, gnutls-cli",
        GnutlsServer,
        GnutlsClient,
        (*TLS, DTLS),
        _program("gnutls-serv"),
        "gnutls-bin",
        needsCertificate=True,
    ),
    "python": Implementation(
        "Python's ssl module",
        PythonServer,
        PythonClient,
        TLS,
        _ofPython,
        "Python",
        gaps=(_OLD_PYTHON,) if sys.version_info < (3, 13) else (),
    ),
    "qt": Implementation(
        "QSslServer, QSslSocket",
        QtServer,
        QtClient,
        TLS,
        _ofQt,
        "Qt's OpenSSL plugin",
        gaps=(
            Gap("PSK", "Qt has pre-shared keys for TLS 1.2 only", ("1.3",)),
            Gap(
                "resumption",
                "QSslServer makes a context for each connection, which forgets the keys of its tickets",
                roles=("server",),
            ),
        ),
        needsCertificate=True,
    ),
    "qdtls": Implementation(
        "QDtls",
        QtDatagramServer,
        QtDatagramClient,
        (DTLS,),
        _ofQt,
        "Qt's OpenSSL plugin",
        gaps=(
            Gap("resumption", "QDtls gives and takes no sessions"),
            Gap("ALPN", "QDtls offers no application protocols"),
        ),
    ),
    "tlslite": Implementation(
        "tlslite-ng",
        TlsliteServer,
        TlsliteClient,
        TLS,
        _package("tlslite-ng", "tlslite"),
        "tlslite-ng",
        gaps=(Gap("PSK", "tlslite-ng has pre-shared keys for TLS 1.3 only", ("1.2",)),),
    ),
    "trio": Implementation(
        "trio.DTLSEndpoint",
        TrioServer,
        TrioClient,
        (DTLS,),
        _package("trio", "trio"),
        "trio",
        gaps=(
            Gap("PSK", "pyOpenSSL, which trio uses, has no pre-shared keys"),
            Gap("resumption", "trio gives and takes no sessions", roles=("client",)),
        ),
        goodbye=False,
    ),
}

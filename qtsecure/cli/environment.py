"""Environment variables that change what a TLS program does, often without anybody knowing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from qtsecure.cli.output import printable

__all__ = ["remarkableVariables"]


def remarkableVariables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the name of each variable that is set and matters, and a remark about it."""
    for name, remark in _REMARKS.items():
        value = environment.get(name, "")
        if value:
            yield name, f"{printable(value)}: {remark(value)}"


def _configuration(path: str) -> str:
    if not os.path.isfile(path):
        return "there is no such file, so OpenSSL may refuse to start in other programs; remove the variable"
    return (
        "OpenSSL takes settings from there, also inside cryptography; qtsecure sets versions, cipher suites and "
        "security level itself, other programs may be weakened"
    )


def _modules(path: str) -> str:
    return "OpenSSL loads code from there; remove the variable unless you know why it is set"


def _file(path: str) -> str:
    if not os.path.isfile(path):
        return "there is no such file, so that nobody is trusted; correct the variable or remove it"
    return "its certificates are trusted instead of those of the system"


def _directories(paths: str) -> str:
    missing = [path for path in paths.split(os.pathsep) if path and not os.path.isdir(path)]
    if missing:
        return f"{printable(missing[0])!r} is no directory; correct the variable or remove it"
    return "the certificates in there are trusted instead of those of the system"


def _keyLog(path: str) -> str:
    return (
        "not looked at by qtsecure, but browsers and other programs write the keys of their connections there; "
        "whoever reads that file can decrypt them"
    )


def _rawPath(value: str) -> str:
    return "the fast way into OpenSSL is switched off" if value == "0" else "no effect"


_REMARKS = {
    "OPENSSL_CONF": _configuration,
    "OPENSSL_MODULES": _modules,
    "OPENSSL_ENGINES": _modules,
    "SSL_CERT_FILE": _file,
    "SSL_CERT_DIR": _directories,
    "SSLKEYLOGFILE": _keyLog,
    "QTSECURE_RAW_PATH": _rawPath,
}

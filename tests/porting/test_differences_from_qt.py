"""docs/differences-from-qt.md names every method of Qt's values that ours do not have."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6 import QtNetwork

import qtsecure

PAGE = (Path(qtsecure.__file__).parents[1] / "docs" / "differences-from-qt.md").read_text("utf-8")
SECTION = PAGE.partition("## Values\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    ("qt", "ours"),
    [
        ("QSslConfiguration", "SslConfiguration"),
        ("QSslCertificate", "SslCertificate"),
        ("QSslError", "SslError"),
        ("QSslCipher", "SslCipher"),
        ("QOcspResponse", "OcspResponse"),
        ("QSslPreSharedKeyAuthenticator", "PreSharedKeyAuthenticator"),
    ],
)
def test_missing_methods_are_told(qt: str, ours: str) -> None:
    """Under their own name; swap() is for C++."""
    missing = set(dir(getattr(QtNetwork, qt))) - set(dir(getattr(qtsecure, ours))) - {"swap"}
    assert [name for name in sorted(missing) if name[0].islower() and f"`{name}`" not in SECTION] == []

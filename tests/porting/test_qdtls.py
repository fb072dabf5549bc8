"""docs/porting/qdtls.md has every member of QDtls and QDtlsClientVerifier, and each counterpart exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QDtls, QDtlsClientVerifier

import qtsecure

PAGE = (Path(qtsecure.__file__).parents[1] / "docs" / "porting" / "qdtls.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \|", re.MULTILINE)
COUNTERPART = re.compile(r"`(DtlsPeer|DtlsServer)\.(\w+)(\(\))?`")


def members(qtClass: type[QObject]) -> set[str]:
    """What programs call: methods and signals that QObject does not have."""
    own = set(dir(qtClass)) - set(dir(QObject))
    return {name for name in own if name[0].islower()}


@pytest.mark.parametrize("qtClass", [QDtls, QDtlsClientVerifier])
def test_every_member_of_qt_has_a_row(qtClass: type[QObject]) -> None:
    """Once, in the table of its class."""
    section = PAGE.partition(f"## {qtClass.__name__}\n")[2].partition("\n## ")[0]
    assert sorted(name for name, _ in ROW.findall(section)) == sorted(members(qtClass))


@pytest.mark.parametrize(("owner", "name", "call"), sorted(set(COUNTERPART.findall(PAGE))))
def test_counterparts_exist(owner: str, name: str, call: str) -> None:
    """As a method where the page shows one, as a signal otherwise."""
    assert isinstance(getattr(getattr(qtsecure, owner), name), Signal) is not bool(call)


def test_rows_name_counterparts() -> None:
    """Or say that nothing is left to do."""
    without = [name for name, here in ROW.findall(PAGE) if not COUNTERPART.search(here)]
    assert without == ["decryptDatagram", "handleTimeout", "sslMode", "verifiedHello"]

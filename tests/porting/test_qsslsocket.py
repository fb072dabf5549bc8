"""docs/porting/qsslsocket.md: its programs talk to each other, and it names what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtNetwork import QSslServer, QSslSocket

from qtsecure import SslServer, SslSocket
from qtsecure.testing.certificates import selfSignedCertificate
from tests.examples.test_docs import DOCS, converse

PAGE = "porting/qsslsocket"


def test_programs(tmp_path: Path) -> None:
    """The client and the server of the page."""
    selfSignedCertificate().writeTo(tmp_path, "server").key.rename(tmp_path / "server-key.pem")
    converse(tmp_path, PAGE, PAGE, "answer: HOW ARE YOU?\n", "")


@pytest.mark.parametrize(("qt", "ours"), [(QSslSocket, SslSocket), (QSslServer, SslServer)])
def test_missing_methods_are_named(qt: type, ours: type) -> None:
    """Enums stay Qt's."""
    text = (DOCS / f"{PAGE}.md").read_text("utf-8")
    missing = {name for name in set(dir(qt)) - set(dir(ours)) if name[0].islower()}
    assert [name for name in sorted(missing) if f"`{name}`" not in text] == []

"""``settled``: the end of a question, whoever has brought it about."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QCoreApplication
from shiboken6 import delete, isValid

from qtsecure import CertificateRequest, SslCertificate
from qtsecure.testing import PublicKeyInfrastructure


@pytest.fixture
def request_(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> CertificateRequest:
    """A question that no connection has asked."""
    return CertificateRequest([SslCertificate(qtsecure_pki.selfSigned.certificate)], [], "localhost")


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda request: request.accept(), ["settled"]),
        (lambda request: request.reject(), ["settled"]),
        (lambda request: request._reject(), ["settled"]),  # what a connection does when the time is over
        (lambda request: request._cancel(), ["cancelled", "settled"]),
        (lambda request: request.defer(), []),
    ],
    ids=["accept", "reject", "time", "cancel", "defer"],
)
def test_told_once(request_: CertificateRequest, act: Callable[[CertificateRequest], None], told: list[str]) -> None:
    """After the answer has ceased to count, and not again."""
    heard: list[str] = []
    request_.cancelled.connect(lambda: heard.append("cancelled"))
    request_.settled.connect(lambda: heard.append("settled"))
    request_.settled.connect(lambda: heard.append("pending") if request_.isPending() else None)
    act(request_)
    assert heard == told
    if told:
        request_.accept()
        request_._cancel()
        assert heard == told


@pytest.mark.parametrize("signal", ["cancelled", "settled"])
def test_a_slot_deletes_the_request(request_: CertificateRequest, signal: str) -> None:
    """Nothing is told, or touched, after that."""
    getattr(request_, signal).connect(lambda: delete(request_))
    request_._cancel()
    assert not isValid(request_)


def test_it_comes_after_the_connection_has_gone_on(request_: CertificateRequest) -> None:
    """Whoever hears of it finds the outcome."""
    order: list[str] = []

    class Connection:
        def decided(self, accepted: bool) -> None:
            order.append(f"accepted {accepted}")

    connection = Connection()
    request_.defer()
    assert request_._verdict(connection.decided) is None
    request_.settled.connect(lambda: order.append("settled"))
    request_.accept()
    assert order == ["accepted True", "settled"]

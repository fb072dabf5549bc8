"""Protocol: its conversions and ranges."""

from __future__ import annotations

import copy
import pickle

import pytest
from PySide6.QtNetwork import QSsl

from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.net.values import Protocol

_TOO_OLD = [
    QSsl.SslProtocol.TlsV1_0,
    QSsl.SslProtocol.TlsV1_1,
    QSsl.SslProtocol.TlsV1_0OrLater,
    QSsl.SslProtocol.TlsV1_1OrLater,
    QSsl.SslProtocol.DtlsV1_0,
    QSsl.SslProtocol.DtlsV1_0OrLater,
]


@pytest.mark.parametrize("member", [m for m in Protocol if not m.name.startswith("DtlsV1_3")])
def test_round_trip_through_qt(member: Protocol) -> None:
    """What Qt has a value for survives both ways under the same name."""
    assert Protocol.fromQt(member.toQt()) is member
    assert member.toQt().name.removesuffix("Protocol") == member.name


@pytest.mark.parametrize("value", _TOO_OLD)
def test_old_versions_of_qt_are_refused(value: QSsl.SslProtocol) -> None:
    """Asking for TLS 1.0 must not silently give something else."""
    with pytest.raises(ValueError, match=f"protocol {value.name} "):
        Protocol.fromQt(value)


def test_every_value_of_qt_is_either_known_or_refused() -> None:
    """A new value in Qt's enum is noticed here."""
    known = [value for value in QSsl.SslProtocol if value not in _TOO_OLD]
    assert {Protocol.fromQt(value) for value in known} == {m for m in Protocol if not m.name.startswith("DtlsV1_3")}


@pytest.mark.parametrize("member", Protocol)
def test_equal_to_its_value_of_qt(member: Protocol) -> None:
    """A program written for Qt asks sessionProtocol() == QSsl.SslProtocol.TlsV1_3, or looks it up in a dict."""
    equal = [value for value in QSsl.SslProtocol if value == member]
    assert equal == [value for value in QSsl.SslProtocol if member == value]
    assert equal == ([] if member.name.startswith("DtlsV1_3") else [member.toQt()])
    assert all(hash(value) == hash(member) for value in equal)
    assert [other for other in Protocol if other == member] == [member]
    assert member != member.name
    assert pickle.loads(pickle.dumps(member)) is copy.deepcopy(member) is member


def test_any_protocol_means_any_secure_one() -> None:
    """AnyProtocol narrows to what exists here."""
    assert Protocol.fromQt(QSsl.SslProtocol.AnyProtocol) is Protocol.SecureProtocols


def test_from_qt_wants_qts_enum() -> None:
    """A bare number is a mistake."""
    with pytest.raises(TypeError, match="protocol"):
        Protocol.fromQt(2)  # type: ignore[arg-type] # the mistake under test


@pytest.mark.parametrize("member", [Protocol.DtlsV1_3, Protocol.DtlsV1_3OrLater])
def test_dtls_1_3_has_no_value_in_qt(member: Protocol) -> None:
    """Better an error than a silent UnknownProtocol."""
    with pytest.raises(ValueError, match=member.name):
        member.toQt()


@pytest.mark.parametrize("version", ProtocolVersion)
def test_from_version_and_back(version: ProtocolVersion) -> None:
    """Each version of the engine has one member, whose range is that version."""
    member = Protocol.fromVersion(version)
    if version is ProtocolVersion.UNKNOWN:
        assert member is Protocol.Unknown
    else:
        assert member.range() == (version, version)


def test_ranges() -> None:
    """OrLater reaches up to 1.3; nothing reaches below 1.2."""
    tls = (ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3)
    assert Protocol.SecureProtocols.range() == Protocol.TlsV1_2OrLater.range() == tls
    assert Protocol.TlsV1_3OrLater.range() == (ProtocolVersion.TLS_1_3,) * 2
    assert Protocol.DtlsV1_2OrLater.range() == (ProtocolVersion.DTLS_1_2, ProtocolVersion.DTLS_1_3)


def test_unknown_has_no_range() -> None:
    """Unknown must not turn into "everything"."""
    with pytest.raises(ValueError, match="Unknown"):
        Protocol.Unknown.range()


def test_is_datagram() -> None:
    """The names tell."""
    assert Protocol.DtlsV1_2OrLater.isDatagram()
    assert not Protocol.SecureProtocols.isDatagram()

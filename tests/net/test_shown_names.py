"""Numbers that show their names."""

from __future__ import annotations

import enum

import pytest

from qtsecure import CertificateFlag, ClientEvent, Condition, DtlsPeer


@pytest.mark.parametrize(
    ("member", "name"),
    [
        (DtlsPeer.Status.Connected, "Status.Connected"),
        (DtlsPeer.Result.Ok, "Result.Ok"),
        (ClientEvent.Resolving, "ClientEvent.Resolving"),
        (CertificateFlag.Expired, "CertificateFlag.Expired"),
        (Condition.In, "Condition.In"),
    ],
)
def test_members_print_their_names(member: enum.IntEnum | enum.IntFlag, name: str) -> None:
    """Also inside texts; a format that asks for the number gets it."""
    assert (str(member), f"{member}") == (name, name)
    assert f"{member:d}" == str(int(member))

"""Stateless cookies."""

from __future__ import annotations

import copy
import pickle

import pytest

from qtsecure.engine.dtls.cookies import Cookies

HERE, THERE = b"('192.0.2.1', 1)", b"('192.0.2.1', 2)"


def test_qt_2_7_a_cookie_is_for_one_client() -> None:
    """Another address, port or hello has another cookie; the same one is accepted repeatedly."""
    cookies = Cookies()
    cookie = cookies.make(HERE, b"hello", 0)
    assert len(cookie) <= 32
    for _ in range(3):
        assert cookies.check(cookie, HERE, b"hello", 1)
    assert not cookies.check(cookie, THERE, b"hello", 1)
    assert not cookies.check(cookie, HERE, b"other", 1)
    assert not cookies.check(b"", HERE, b"hello", 1)
    assert not cookies.check(cookie + b"x", HERE, b"hello", 1)
    assert not Cookies().check(cookie, HERE, b"hello", 1)


def test_rotation() -> None:
    """A cookie lives for one to two periods."""
    cookies = Cookies(rotation=60)
    cookies.make(HERE, b"", 1000)
    cookie = cookies.make(HERE, b"", 1059)
    assert cookies.check(cookie, HERE, b"", 1061)
    assert cookies.check(cookie, HERE, b"", 1119)
    assert not cookies.check(cookie, HERE, b"", 1122)


def test_rotation_does_not_wait_for_hellos() -> None:
    """When they are rare, the secret before does not live longer."""
    cookies = Cookies(rotation=60)
    old = cookies.make(HERE, b"", 1000)
    new = cookies.make(HERE, b"", 1119)
    assert cookies.check(old, HERE, b"", 1119)
    assert not cookies.check(old, HERE, b"", 1121)
    assert cookies.check(new, HERE, b"", 1179)
    assert not cookies.check(new, HERE, b"", 1181)


def test_rotation_after_silence() -> None:
    """What is older than two periods is dead even if nobody asked in between."""
    cookies = Cookies(rotation=60)
    cookie = cookies.make(HERE, b"", 0)
    assert not cookies.check(cookie, HERE, b"", 121)


def test_shared_secret() -> None:
    """Two processes with one secret accept each other's cookies at any time; the one before stays good."""
    first, second = Cookies(), Cookies()
    for each in (first, second):
        each.set_secret(b"s" * 32)
    cookie = first.make(HERE, b"", 0)
    assert second.check(cookie, HERE, b"", 1e6)
    second.set_secret(b"t" * 32)
    assert second.check(cookie, HERE, b"", 1e6)
    second.set_secret(b"u" * 32)
    assert not second.check(cookie, HERE, b"", 1e6)


@pytest.mark.parametrize("size", [16, 64, 65, 1000])
def test_every_byte_of_a_secret_counts(size: int) -> None:
    """However long it is."""
    first, second, third = Cookies(), Cookies(), Cookies()
    first.set_secret(b"s" * size)
    second.set_secret(b"s" * size)
    third.set_secret(b"s" * (size - 1) + b"t")
    cookie = first.make(HERE, b"", 0)
    assert second.check(cookie, HERE, b"", 0)
    assert not third.check(cookie, HERE, b"", 0)


def test_qt_2_8_a_short_secret_is_refused() -> None:
    """And a good one does not appear in the object's text."""
    cookies = Cookies()
    for secret in (b"", b"x" * 15):
        with pytest.raises(ValueError, match="secret"):
            cookies.set_secret(secret)
    cookies.set_secret(b"canary-canary-canary")
    assert "canary" not in repr(cookies)


def test_secrets_cannot_be_copied() -> None:
    with pytest.raises(TypeError, match="secrets"):
        pickle.dumps(Cookies())
    with pytest.raises(TypeError, match="secrets"):
        copy.deepcopy(Cookies())

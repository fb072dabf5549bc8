"""PreSharedKeyAuthenticator: limits, roles, and that the key stays secret."""

from __future__ import annotations

import copy
import pickle

import pytest
from PySide6.QtCore import QByteArray

from qtsecure import SecureError
from qtsecure.net.values import PreSharedKeyAuthenticator

_KEY = b"\x01\x02secret"


def test_client_limits_are_qts() -> None:
    """qt-1.5#59: 255 bytes of identity, 512 of key, and the server's hint."""
    question = PreSharedKeyAuthenticator.forClient(b"who are you?")
    assert question.identityHint() == QByteArray(b"who are you?")
    assert question.identity() == QByteArray()
    assert (question.maximumIdentityLength(), question.maximumPreSharedKeyLength()) == (255, 512)


def test_server_limits_are_qts() -> None:
    """qt-1.5#60: own hint, the client's identity, which cannot be changed."""
    question = PreSharedKeyAuthenticator.forServer(b"hint", b"client")
    assert question.identityHint() == QByteArray(b"hint")
    assert question.identity() == QByteArray(b"client")
    assert (question.maximumIdentityLength(), question.maximumPreSharedKeyLength()) == (0, 512)
    with pytest.raises(ValueError, match="identity"):
        question.setIdentity(b"other")
    assert question.identity() == QByteArray(b"client")


@pytest.mark.parametrize("identity", [b"caf\xc3\xa9", bytearray(b"caf\xc3\xa9"), QByteArray(b"caf\xc3\xa9"), "café"])
def test_identity_in_every_form(identity: bytes | bytearray | QByteArray | str) -> None:
    """All give the same bytes, and the result is a QByteArray as in Qt."""
    question = PreSharedKeyAuthenticator.forClient()
    question.setIdentity(identity)
    assert isinstance(question.identity(), QByteArray)
    assert question.identity().data() == b"caf\xc3\xa9"


@pytest.mark.parametrize("key", [_KEY, bytearray(_KEY), QByteArray(_KEY)])
def test_key_in_every_form(key: bytes | bytearray | QByteArray) -> None:
    """All give the same bytes, and the result is a QByteArray as in Qt."""
    question = PreSharedKeyAuthenticator.forClient()
    question.setPreSharedKey(key)
    assert isinstance(question.preSharedKey(), QByteArray)
    assert question.preSharedKey().data() == _KEY


def test_longest_values_are_accepted() -> None:
    """The limits are inclusive."""
    question = PreSharedKeyAuthenticator.forClient()
    question.setIdentity("x" * 255)
    question.setPreSharedKey(b"k" * 512)
    assert question.identity().size() == 255
    assert question.preSharedKey().size() == 512


@pytest.mark.parametrize("identity", [b"x" * 256, "é" * 128, b"a\0b", "\0"])
def test_identities_that_do_not_fit(identity: bytes | str) -> None:
    """Too long or cut at a NUL: refused, and the old value stays."""
    question = PreSharedKeyAuthenticator.forClient()
    question.setIdentity("old")
    with pytest.raises(ValueError, match="identity"):
        question.setIdentity(identity)
    assert question.identity() == QByteArray(b"old")


@pytest.mark.parametrize("key", [b"", bytearray(), QByteArray(), b"k" * 513])
def test_keys_that_do_not_fit(key: bytes | bytearray | QByteArray) -> None:
    """Empty or too long: refused without showing the key, and the old one stays."""
    question = PreSharedKeyAuthenticator.forClient()
    question.setPreSharedKey(_KEY)
    with pytest.raises(ValueError, match="key") as caught:
        question.setPreSharedKey(key)
    assert "kkk" not in str(caught.value)
    assert question.preSharedKey().data() == _KEY


def test_wrong_types() -> None:
    """Text is no key, and a number is no identity."""
    question = PreSharedKeyAuthenticator.forClient()
    with pytest.raises(TypeError, match="key"):
        question.setPreSharedKey("secret")  # type: ignore[arg-type] # the mistake under test
    with pytest.raises(TypeError, match="identity"):
        question.setIdentity(5)  # type: ignore[arg-type] # the mistake under test


def test_wipe_overwrites_the_memory() -> None:
    """The very memory of the key is zero afterwards, and so is a replaced key's."""
    question = PreSharedKeyAuthenticator.forClient()
    question.setPreSharedKey(b"first")
    first = question._key
    question.setPreSharedKey(b"second")
    second = question._key
    question.wipe()
    question.wipe()
    assert first == bytes(5)
    assert second == bytes(6)
    assert question.preSharedKey().isEmpty()


def test_answer_after_the_end_is_an_error() -> None:
    """qt-1.5#65: the object lives as long as the signal."""
    question = PreSharedKeyAuthenticator.forClient()
    assert question.isValid()
    question.wipe()
    assert not question.isValid()
    for late in (lambda: question.setPreSharedKey(_KEY), lambda: question.setIdentity("me")):
        with pytest.raises(SecureError) as caught:
            late()
        assert caught.value.code is SecureError.Code.Closed


def test_the_key_cannot_leak() -> None:
    """Neither repr nor copies nor pickles."""
    question = PreSharedKeyAuthenticator.forClient()
    question.setPreSharedKey(_KEY)
    assert "secret" not in repr(question)
    assert "key set" in repr(question)
    for leak in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="secret"):
            leak(question)  # type: ignore[operator] # the three have different types

"""Turns words of the command line into values; whatever is wrong with them is a usage error."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, field
from typing import NoReturn

from qtsecure.cli.exit_codes import ExitCode

__all__ = [
    "OneLineParser",
    "PreSharedKey",
    "ServiceTarget",
    "Target",
    "duration",
    "port",
    "positive",
    "preSharedKey",
    "protocols",
    "target",
    "targetOrService",
]

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
_PATH = re.compile(r"[/?#]")
_DEFAULT_PORTS = {"https": 443}
_HOST_AND_PORT = re.compile(r"(?:\[(?P<ip>[^\]]+)\]|(?P<host>[^:\[\]/?#@\s]+))(?::(?P<port>[^:/]*))?\Z")
_LONGEST_IDENTITY = 255
_LONGEST_KEY = 512
_LONGEST_PROTOCOL = 255
_LONGEST_DURATION = 2**31 - 1  # what QTimer takes


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, without repeating the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect to.

    Attributes:
        host: The name or address.
        port: The port.
        scheme: How a URI begins, in lower case; empty for HOST:PORT.
    """

    host: str
    port: int
    scheme: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ServiceTarget:
    """A service to connect to, wherever DNS says that it is."""

    service: str
    host: str
    """The domain."""


@dataclass(frozen=True, slots=True)
class PreSharedKey:
    """An identity and its key."""

    identity: str
    key: bytes = field(repr=False)


def target(text: str) -> Target:
    """``HOST:PORT``, ``[IPv6]:PORT``, ``https://HOST[:PORT]`` or, with another scheme, ``SCHEME://HOST:PORT``."""
    rest, default, name = text, None, ""
    if scheme := _SCHEME.match(text):
        name = scheme["scheme"].lower()
        if name == "http":
            raise argparse.ArgumentTypeError("the scheme 'http' means plain text; use https")
        default = _DEFAULT_PORTS.get(name)
        rest = text[scheme.end() :].removesuffix("/")
    if scheme and _PATH.search(rest):
        raise argparse.ArgumentTypeError(f"{text!r} has a path, which means nothing to TLS; leave it out")
    found = _HOST_AND_PORT.match(rest)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT; an IPv6 address goes into brackets: [::1]:443")
    if not found["port"] and default is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no port; write HOST:PORT")
    number = default if found["port"] is None else _port(found["port"], lowest=1)
    assert number is not None
    return Target(found["ip"] or found["host"], number, name)


def targetOrService(text: str) -> Target | ServiceTarget:
    """What target() takes, or ``service:NAME/DOMAIN``."""
    if not text.startswith("service:"):
        return target(text)
    service, slash, domain = text.removeprefix("service:").partition("/")
    if not slash or not service or not domain:
        raise argparse.ArgumentTypeError(f"{text!r} is not service:NAME/DOMAIN, for example service:imaps/example.org")
    return ServiceTarget(service, domain)


def port(text: str) -> int:
    """A port to listen on; 0 stands for a free one."""
    return _port(text, lowest=0)


def _port(text: str, lowest: int) -> int:
    digits = text.lstrip("0") or "0"
    if not (text.isascii() and text.isdigit() and len(digits) <= 5 and lowest <= int(digits) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; ports go from {lowest} to 65535")
    return int(digits)


def preSharedKey(text: str) -> PreSharedKey:
    """``IDENTITY:HEX``; messages do not repeat the text, which is a secret."""
    identity, colon, digits = text.rpartition(":")
    if not colon or not identity:
        raise argparse.ArgumentTypeError("a pre-shared key is written IDENTITY:HEX, for example sensor:00112233")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        raise argparse.ArgumentTypeError("the key behind the last colon must be hexadecimal") from None
    if not 0 < len(key) <= _LONGEST_KEY:
        raise argparse.ArgumentTypeError(f"the key must have 1 to {_LONGEST_KEY} bytes")
    if len(identity.encode("utf-8", "surrogateescape")) > _LONGEST_IDENTITY:
        raise argparse.ArgumentTypeError(f"the identity must have at most {_LONGEST_IDENTITY} bytes")
    return PreSharedKey(identity, key)


def protocols(text: str) -> list[str]:
    """``h2,http/1.1``: application protocols, best first."""
    names = text.split(",")
    if any(not 0 < len(name.encode("utf-8", "surrogateescape")) <= _LONGEST_PROTOCOL for name in names):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of names like h2,http/1.1")
    return names


def duration(text: str) -> int:
    """Milliseconds; 0 and -1 mean no limit and become 0."""
    number = _integer(text)
    if not -1 <= number <= _LONGEST_DURATION:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds; 0 means no limit")
    return max(number, 0)


def positive(text: str) -> int:
    """A number from 1 on."""
    number = _integer(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return number


def _integer(text: str) -> int:
    try:
        return int(text[:20])
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None

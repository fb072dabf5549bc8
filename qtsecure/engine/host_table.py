"""Which of several things belongs to the name that a client asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from qtsecure.engine.host_names import InvalidHostName, normalize_host_name

__all__ = ["HostTable", "normalize_host_pattern"]

_Value = TypeVar("_Value")
_WILDCARD = "*."


def normalize_host_pattern(text: str) -> str:
    """A name of a virtual host in the form in which it is compared.

    Args:
        text: A DNS name, also an international one, or ``*.`` and a name of at least two labels,
            which stands for every name with exactly one label more (as in RFC 9525, section 6.3).

    Raises:
        TypeError: If it is not a string.
        InvalidHostName: If it is neither, or an IP address, which clients never ask for (RFC 6066).
    """
    if not isinstance(text, str):
        raise TypeError(f"The name of a virtual host must be a str, not {type(text).__name__}.")
    wildcard = text.startswith(_WILDCARD)
    name = normalize_host_name(text[len(_WILDCARD) :] if wildcard else text)
    if name.is_ip:
        raise InvalidHostName("An IP address cannot be a virtual host: clients ask for names only.")
    if wildcard and "." not in name.ascii:
        raise InvalidHostName("A wildcard needs a name with a dot behind it, such as *.example.org.")
    return _WILDCARD + name.ascii if wildcard else name.ascii


class HostTable(Generic[_Value]):
    """Values by exact names and by wildcards for one label; an exact name goes before a wildcard.

    Immutable, comparable and hashable if the values are.

    Args:
        hosts: Values by name, see :func:`normalize_host_pattern`.

    Raises:
        InvalidHostName: A name cannot be used.
        ValueError: A name is there twice, in different spellings.
    """

    __slots__ = ("_hosts",)

    def __init__(self, hosts: Mapping[str, _Value] | None = None) -> None:
        self._hosts: dict[str, _Value] = {}
        for text, value in (hosts or {}).items():
            name = normalize_host_pattern(text)
            if name in self._hosts:
                raise ValueError(f"The virtual host {name!r} is there twice.")
            self._hosts[name] = value

    def find_untrusted(self, name: bytes | None) -> _Value | None:
        """What belongs to the name that a client has sent; None for no or an unknown name."""
        if not name or not self._hosts:
            return None
        try:
            known = normalize_host_name(name.decode("ascii"))
        except ValueError:  # also of the decoding
            return None
        if known.is_ip:
            return None
        exact = self._hosts.get(known.ascii)
        if exact is not None:
            return exact
        _, dot, parent = known.ascii.partition(".")
        return self._hosts.get(_WILDCARD + parent) if dot else None

    def items(self) -> Iterator[tuple[str, _Value]]:
        """Names in their normal form, and values."""
        return iter(self._hosts.items())

    def __len__(self) -> int:
        return len(self._hosts)

    def __eq__(self, other: object) -> bool:
        return self._hosts == other._hosts if isinstance(other, HostTable) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._hosts.items()))

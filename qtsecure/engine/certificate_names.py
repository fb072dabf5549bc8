"""The host names in a peer's certificate, as far as a message to a user may show them."""

from __future__ import annotations

import re
from typing import Final

from cryptography import x509

from qtsecure.engine.certificates import UNREADABLE, tolerating_old_certificates

__all__ = ["describe_names_untrusted"]

_LARGEST: Final = 65536
_SHOWN: Final = 3
_LONGEST: Final = 60
# Of DNS names (with wildcards), IPv4 and IPv6 addresses. Messages end up in dialogs, which may take
# text for HTML, and in terminals and logs: other characters of a peer have no place there.
_SHOWABLE: Final = re.compile(r"[A-Za-z0-9._*:-]+\Z")


def describe_names_untrusted(der: bytes) -> str:
    """Say whom a certificate is for, as a clause such as "it is for localhost and 127.0.0.1".

    Args:
        der: A certificate, or anything else.

    Returns:
        A clause with at most three DNS names and addresses, each of at most 60 characters; it says
        so if the certificate has no subject alternative names. Empty if it cannot be read, or has
        only names that cannot be shown. Never raises for what the bytes contain.
    """
    if len(der) > _LARGEST:
        return ""
    try:
        with tolerating_old_certificates():
            extensions = x509.load_der_x509_certificate(der).extensions
        entries = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "it has no subject alternative names, and its common name does not count"
    except UNREADABLE:
        return ""
    found = (str(entry.value) for entry in entries if isinstance(entry, (x509.DNSName, x509.IPAddress)))
    names = [_shortened(name) for name in found if _SHOWABLE.match(name)]
    if not names:
        return ""
    shown, more = names[:_SHOWN], len(names) - _SHOWN
    if more > 0:
        return f"it is for {', '.join(shown)} and {more} more"
    return f"it is for {', '.join(shown[:-1])} and {shown[-1]}" if shown[1:] else f"it is for {shown[0]}"


def _shortened(name: str) -> str:
    """The end of a long name, because that is what tells whose it is."""
    return name if len(name) <= _LONGEST else f"...{name[3 - _LONGEST :]}"

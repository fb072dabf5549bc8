"""Which package of the system brings a library that PySide6 needs and the system lacks."""

from __future__ import annotations

import re

__all__ = ["explainImportError", "installCommand", "missingLibrary", "packageOf"]

_MISSING = re.compile(r"(?P<library>[\w.+-]+\.so[\w.]*): cannot open shared object file")

# Debian's and Ubuntu's names. Where a package got a suffix for 64-bit times, apt follows the old name.
_PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX.so.0": "libgl1",
    "libOpenGL.so.0": "libopengl0",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libbrotlicommon.so.1": "libbrotli1",
    "libbrotlidec.so.1": "libbrotli1",
    "libbrotlienc.so.1": "libbrotli1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgio-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libk5crypto.so.3": "libgssapi-krb5-2",
    "libkrb5.so.3": "libgssapi-krb5-2",
    "libstdc++.so.6": "libstdc++6",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}


def missingLibrary(message: str) -> str | None:
    """The library that an ImportError complains about, or None when it is about something else."""
    found = _MISSING.search(message)
    return found["library"] if found else None


def packageOf(library: str) -> str | None:
    """The Debian package with this library, if it is one that PySide6 needs."""
    return _PACKAGES.get(library)


def installCommand(packages: list[str]) -> str:
    """The command that installs the packages."""
    return f"apt-get install {' '.join(sorted(set(packages)))}"


def explainImportError(error: ImportError) -> str | None:
    """One sentence about the library that the system lacks; None when the error is another one."""
    library = missingLibrary(str(error))
    if library is None:
        return None
    package = packageOf(library)
    advice = (
        f"on Debian and Ubuntu run '{installCommand([package])}'"
        if package
        else "install the package of your distribution that contains it"
    )
    return f"The system lacks {library}, which PySide6 needs; {advice}. 'qtsecure doctor' looks for all of them."

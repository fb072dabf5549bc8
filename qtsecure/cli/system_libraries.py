"""Which package of the system brings a library that PySide6 needs and the system lacks."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

__all__ = [
    "NOT_FROM_HERE",
    "explainImportError",
    "installCommand",
    "missingLibraries",
    "packageOf",
    "pysideFile",
    "unresolvedLibraries",
]

_TIMEOUT_S = 60

NOT_FROM_HERE = "import sys; sys.path[:] = [place for place in sys.path if place]; "
"""Goes before what another Python runs with -c, which else imports what anybody has put into the current folder."""

# What Python says when it imports a module, and what ldd says.
_MISSING = re.compile(r"([\w.+-]+\.so[\w.]*)(?:: cannot open shared object file| => not found)")

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
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}


def missingLibraries(message: str) -> list[str]:
    """The libraries that the text of an ImportError or the output of ldd complains about."""
    return list(dict.fromkeys(_MISSING.findall(message)))


def packageOf(library: str) -> str | None:
    """The Debian package with this library, if it is one that PySide6 needs."""
    return _PACKAGES.get(library)


def installCommand(packages: list[str]) -> str:
    """The command that installs the packages."""
    return f"apt-get install {' '.join(sorted(set(packages)))}"


def explainImportError(error: ImportError) -> str | None:
    """One sentence about the library that the system lacks; None when the error is another one."""
    libraries = missingLibraries(str(error))
    if not libraries:
        return None
    library = libraries[0]
    package = packageOf(library)
    advice = (
        f"on Debian and Ubuntu run '{installCommand([package])}'"
        if package
        else "install the package of your distribution that contains it"
    )
    return f"The system lacks {library}, which PySide6 needs; {advice}. 'qtsecure doctor' looks for all of them."


def pysideFile(name: str) -> Path | None:
    """Return a file or folder of PySide6, without loading it; None if there is none."""
    specification = importlib.util.find_spec("PySide6")
    places = specification.submodule_search_locations if specification is not None else None
    return next((path for place in places or () if (path := Path(place, name)).exists()), None)


def unresolvedLibraries(path: Path) -> str:
    """What the system's ldd says about a library; empty where there is no ldd."""
    if shutil.which("ldd") is None:
        return ""
    run = subprocess.run(
        ["ldd", os.fspath(path)], capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
    )
    return run.stdout

"""What a run was made on: without it, times say nothing."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

__all__ = ["describe", "load"]


def describe() -> str:
    """Processors, system and versions."""
    import cryptography
    import OpenSSL
    import PySide6
    from OpenSSL import SSL

    openssl = SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode().split()[1]
    return (
        f"{_processors()}, {platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"PySide6 {PySide6.__version__}, pyOpenSSL {OpenSSL.__version__}, cryptography {cryptography.__version__} "
        f"(OpenSSL {openssl})"
    )


def load() -> str:
    """How busy the machine is: the average number of processes that want to run, in the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _processors() -> str:
    count = os.cpu_count() or 1
    model = platform.processor()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{count} processors ({model})" if model else f"{count} processors"

"""Which configuration sockets start with, known without loading what configurations are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtsecure.net.values.ssl_configuration import SslConfiguration

__all__ = ["chosen"]

#: What SslConfiguration.setDefaultConfiguration() was given; None as long as that is nothing. Not to be changed.
chosen: SslConfiguration | None = None

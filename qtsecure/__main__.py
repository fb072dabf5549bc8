"""``python -m qtsecure`` is the ``qtsecure`` command."""

from __future__ import annotations

import sys

from qtsecure.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

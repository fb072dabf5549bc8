"""Without a display Qt paints into memory. It has to be told before it is loaded."""

from __future__ import annotations

import os
import sys

if sys.platform not in ("win32", "darwin") and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

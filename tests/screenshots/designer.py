"""A picture of Qt Designer with the widgets and a form: ``python -m tests.screenshots.designer [FILE.png]``.

Needs Xvfb, xwininfo, xdotool and ImageMagick, and the libraries for windows on X11:

    apt-get install xvfb x11-utils xdotool imagemagick libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 \
        libxcb-render-util0 libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from qtsecure.cli.designer import designerEnvironment
from tests.screenshots.__main__ import DIRECTORY

ROOT = DIRECTORY.parents[1]
FORM = ROOT / "examples" / "designer_form" / "connection.ui"
SIZE = (1840, 960)
_PATIENCE_S = 60
_TO_THE_END = "click --repeat 60 --delay 5 5 mousemove 600 5"
_BADGE = "mousemove 330 104 click 1"
_WIDGET_BOX = f"mousemove 100 500 {_TO_THE_END}"
_PROPERTIES = f"mousemove 1500 560 {_TO_THE_END}"


def main(path: Path) -> None:
    """Start a display and Designer in it, wait for the form, and take the picture."""
    with tempfile.TemporaryDirectory() as home:
        screen = f"{SIZE[0]}x{SIZE[1]}x24"
        read, write = os.pipe()
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", screen, "-nolisten", "tcp"],
            pass_fds=(write,),
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as numbers:
            display = f":{numbers.readline().strip()}"
        environment = designerEnvironment(os.environ) | {
            "DISPLAY": display,
            "HOME": home,
            "XDG_CONFIG_HOME": home,
            "XDG_RUNTIME_DIR": home,
            "QT_QPA_PLATFORM": "xcb",
        }
        designer = subprocess.Popen(
            [sys.executable, "-m", "qtsecure", "designer", str(FORM)], env=environment, start_new_session=True
        )
        try:
            _await(lambda: '("designer" "Designer")' in _windows(environment))
            time.sleep(2)  # the form is in its window, which no tool tells
            find = ["xdotool", "search", "--onlyvisible", "--name", "Qt Widgets Designer"]
            window = subprocess.run(find, env=environment, capture_output=True, text=True, check=True).stdout.split()[
                -1
            ]
            for words in (["windowmove", window, "0", "0"], ["windowsize", window, *map(str, SIZE)]):
                subprocess.run(["xdotool", *words], env=environment, check=True)
            # Our group is the last one in the widget box, and so are our properties of the badge.
            for words in (_BADGE, _WIDGET_BOX, _PROPERTIES):
                subprocess.run(["xdotool", *words.split()], env=environment, check=True)
                time.sleep(1)
            time.sleep(2)  # a picture of what is half painted is no picture
            subprocess.run(
                ["import", "-window", "root", "-resize", "68%", "+dither", "-colors", "64", str(path)],
                env=environment,
                check=True,
            )
        finally:
            os.killpg(designer.pid, 9)
            server.terminate()
            designer.wait()
            server.wait()


def _windows(environment: dict[str, str]) -> str:
    listed = subprocess.run(
        ["xwininfo", "-root", "-tree"], env=environment, capture_output=True, text=True, check=False
    )
    return listed.stdout


def _await(condition) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("Designer has not shown the form in time.")
        time.sleep(0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY / "widgets-designer.png")

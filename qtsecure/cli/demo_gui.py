"""``qtsecure demo --gui``: both ends of a conversation in one window."""

from __future__ import annotations

import os
import sys
from typing import cast

from PySide6.QtCore import QCoreApplication, QTimer

from qtsecure import SslConfiguration
from qtsecure.cli.displays import displayProblem
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output
from qtsecure.cli.running import interruptible

__all__ = ["demoGui"]


def demoGui(*, dtls: bool = False) -> ExitCode:
    """Show the window until the user closes it."""
    output = Output("demo")
    if QCoreApplication.instance() is None and (problem := displayProblem(os.environ)):
        output.error("Missing", problem)
        return ExitCode.INTERNAL_ERROR
    from PySide6.QtWidgets import QApplication

    # Throw-away certificates are what the test support is good at.
    from qtsecure.testing import PublicKeyInfrastructure
    from qtsecure.widgets.demo_window import DemoWindow

    application = QCoreApplication.instance() or QApplication([sys.argv[0]])
    pki = PublicKeyInfrastructure()
    window = DemoWindow(dtls=dtls)
    problem = window.begin(
        SslConfiguration.forServer(pki.server.chain, pki.server.privateKey),
        SslConfiguration.forClient([pki.ca.certificate]),
    )
    if problem:
        output.error("NotListening", problem)
        return ExitCode.NOT_CONNECTED
    window.show()

    def interrupt() -> None:
        QTimer.singleShot(0, lambda: application.exit(ExitCode.INTERRUPTED))  # from the loop, which may not run yet

    with interruptible(output, interrupt):
        code = cast(QApplication, application).exec()
    window.end()
    return ExitCode(code)

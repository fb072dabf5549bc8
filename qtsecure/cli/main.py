"""The ``qtsecure`` command: reads the command line and hands over to one of the commands."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence

import qtsecure
from qtsecure.cli import arguments
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output, flushHelp
from qtsecure.cli.system_libraries import explainImportError
from qtsecure.errors import SecureError

__all__ = ["main"]

_EPILOG = (
    "exit codes: 0 fine, 1 internal error or missing library, 2 usage or bad input file, 3 wrong answer, "
    "4 could not connect or listen, 5 TLS or certificate failure, 6 timeout, "
    "130 interrupted (serve: 0)"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after the name of the program; those of the process if None.

    Returns:
        The exit code.
    """
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:
        # argparse has printed its message or its help.
        flushHelp()
        return int(end.code or 0)
    try:
        return int(_run(options))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SecureError as error:
        # Of an environment variable, for example; what a command can foresee it says itself.
        Output(options.command).warning(error.message)
        return ExitCode.USAGE
    except ImportError as error:
        text = explainImportError(error)
        if text is None:
            traceback.print_exc()
        else:
            Output(options.command).warning(text)
        return ExitCode.INTERNAL_ERROR


def _run(options: argparse.Namespace) -> ExitCode:
    # Imported here: Qt may be missing a library of the system, which has to be told in a sentence,
    # and the doctor has to work then.
    if options.command == "doctor":
        from qtsecure.cli.doctor import doctor

        return doctor()
    if options.command == "designer":
        from qtsecure.cli.designer import designer

        return designer(options)
    from qtsecure.net.transports.choice import usesReactor

    usesReactor()  # raises for an environment that would make every connection fail
    if options.command == "certificate":
        from qtsecure.cli.certificate import certificate

        return certificate(options)
    if options.command == "demo":
        from qtsecure.cli.demo import demo

        return demo(dtls=options.dtls, gui=options.gui)
    if options.command == "serve":
        from qtsecure.cli.serve import serve

        return serve(options)
    from qtsecure.cli.connect import connect

    return connect(options)


def _parser() -> argparse.ArgumentParser:
    parser = arguments.OneLineParser(prog="qtsecure", description=qtsecure.__doc__.partition("\n")[0], epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"qtsecure {qtsecure.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _addDemo(commands.add_parser("demo", help="a TLS or DTLS conversation in one process, with every signal"))
    _addServe(commands.add_parser("serve", help="a TLS or DTLS server", epilog=_EPILOG))
    _addConnect(commands.add_parser("connect", help="a TLS or DTLS client", epilog=_EPILOG))
    _addCertificate(
        commands.add_parser("certificate", help="a chain, what is wrong with it, and what to do", epilog=_EPILOG)
    )
    _addDesigner(commands.add_parser("designer", help="Qt Designer with the widgets of qtsecure"))
    commands.add_parser("doctor", help="versions, features, trusted certificates and missing libraries")
    return parser


def _addDemo(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make a throw-away authority, let a client talk to a server, and print each signal."
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--headless", action="store_true", help="without windows (the default)")
    where.add_argument("--gui", action="store_true", help="in a window, until it is closed")
    _addDtls(parser)


def _addDesigner(parser: argparse.ArgumentParser) -> None:
    parser.description = "Start Qt Designer so that the widgets are in its box, in the group qtsecure."
    parser.add_argument("form", nargs="?", metavar="FILE.ui", help="a form to open")


def _addServe(parser: argparse.ArgumentParser) -> None:
    parser.description = "Listen, and print what clients send. The first line of the output is 'READY <port>'."
    _addDtls(parser)
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=arguments.port, default=0, help="0, the default, chooses a free one")
    parser.add_argument("--cert", metavar="PEM", help="the certificate, with its intermediates behind it")
    parser.add_argument("--key", metavar="PEM", help="its private key, not encrypted")
    parser.add_argument("--ca", metavar="PEM", help="who certifies the clients; asks them for a certificate")
    parser.add_argument("--require-client-cert", action="store_true", help="refuse clients without a valid one")
    _addPsk(parser, "a client's pre-shared key; may be repeated")
    parser.add_argument("--alpn", type=arguments.protocols, default=[], metavar="A,B", help="application protocols")
    parser.add_argument("--echo", action="store_true", help="return what clients send instead of printing it")
    parser.add_argument("--count", type=arguments.positive, metavar="N", help="exit after N finished connections")
    parser.add_argument(
        "--idle-timeout",
        type=arguments.duration,
        default=0,
        metavar="MS",
        help="exit with 0 when nothing happens for so long; 0, the default, = no limit",
    )
    _addJson(parser)


def _addConnect(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Connect, and send messages or stdin. After the end of stdin the connection stays open until the peer has "
        "been silent for a second."
    )
    parser.add_argument(
        "target",
        type=arguments.targetOrService,
        metavar="TARGET",
        help="HOST:PORT, [IPv6]:PORT, SCHEME://HOST:PORT, https://HOST or service:NAME/DOMAIN",
    )
    _addDtls(parser)
    parser.add_argument(
        "--proxy", default="", metavar="URI", help="go through this proxy: socks5://HOST:PORT, http://..."
    )
    parser.add_argument("--ca", metavar="PEM", help="whom to trust instead of the authorities of this computer")
    parser.add_argument("--servername", default="", metavar="NAME", help="the name that the server must prove")
    parser.add_argument("--insecure", action="store_true", help="report certificate errors, but go on")
    parser.add_argument("--cert", metavar="PEM", help="the own certificate, with its intermediates behind it")
    parser.add_argument("--key", metavar="PEM", help="its private key, not encrypted")
    _addPsk(parser, "the pre-shared key; required of the server unless --ca is given, too")
    parser.add_argument("--alpn", type=arguments.protocols, default=[], metavar="A,B", help="application protocols")
    parser.add_argument(
        "--message",
        action="append",
        default=[],
        metavar="TEXT",
        help="send a line (with --dtls: a datagram) and await one; may be repeated",
    )
    parser.add_argument("--expect-echo", action="store_true", help="exit 3 unless each answer equals its message")
    parser.add_argument(
        "--timeout",
        type=arguments.duration,
        default=30_000,
        metavar="MS",
        help="for connecting, and for each answer (%(default)s); 0 = no limit",
    )
    _addJson(parser)


def _addCertificate(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Show the certificates of a file or a server, whether they are valid, and what each error means. "
        "Exits with 5 if they are not."
    )
    parser.add_argument("subject", metavar="FILE|HOST:PORT", help="a PEM or DER file, or a server to ask")
    parser.add_argument("--ca", metavar="PEM", help="whom to trust instead of the authorities of this computer")
    parser.add_argument("--servername", default="", metavar="NAME", help="the name that the certificate must have")
    parser.add_argument(
        "--timeout",
        type=arguments.duration,
        default=30_000,
        metavar="MS",
        help="for a server's answer (%(default)s); 0 = no limit",
    )
    _addJson(parser)


def _addDtls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dtls", action="store_true", help="datagrams: DTLS over UDP instead of TLS over TCP")


def _addPsk(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "--psk", type=arguments.preSharedKey, action="append", default=[], metavar="IDENTITY:HEX", help=text
    )


def _addJson(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object for each event")

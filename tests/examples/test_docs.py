"""The documentation: programs run, code compiles, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import qtsecure
from qtsecure.testing import PublicKeyInfrastructure
from qtsecure.testing.certificates import selfSignedCertificate
from tests.examples.running import ROOT, certificateFiles, startCommand, startOnPort
from tests.ports import closedPort

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("**/*.md"), *ROOT.glob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROGRAM = re.compile(r"^<!-- program: (\w+) -->\n```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def pageName(path: Path) -> str:
    """The name of a page in the test's id."""
    return str(path.relative_to(ROOT))


def programs(page: str) -> dict[str, str]:
    """The complete programs of a page by name."""
    return dict(PROGRAM.findall((DOCS / f"{page}.md").read_text("utf-8")))


@pytest.mark.parametrize("path", PAGES, ids=pageName)
def test_code_compiles(path: Path) -> None:
    """Every block of Python is Python, and imports names that exist."""
    for code in BLOCK.findall(path.read_text("utf-8")):
        compile(code, path.name, "exec")
        for names in re.findall(r"^from qtsecure import (.+)$", code, re.MULTILINE):
            missing = set(names.split(", ")) - set(qtsecure.__all__)
            assert [name for name in missing if importlib.util.find_spec(f"qtsecure.{name}") is None] == []


@pytest.mark.parametrize("path", PAGES, ids=pageName)
def test_links(path: Path) -> None:
    """Relative links lead to files."""
    targets = [target for target in LINK.findall(path.read_text("utf-8")) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_files_of_the_architecture() -> None:
    """The guide to the folders names files that exist."""
    text = (DOCS / "architecture.md").read_text("utf-8")
    table = text.partition("## Where does X happen?")[2].partition("##")[0]
    named = re.findall(r"`((?:engine|net|aio|cli|testing|qml|widgets|designer)/[\w/.]*)`", table)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / "qtsecure" / name).exists()] == []


@pytest.mark.parametrize("page", ["howto-channel-bindings", "howto-debugging", "howto-virtual-hosts"])
def test_snippets_run(directory: Path, page: str, qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no program, as far as it goes by itself."""
    monkeypatch.chdir(directory)
    text = (DOCS / f"{page}.md").read_text("utf-8")
    for code in set(BLOCK.findall(text)) - set(programs(page).values()):
        exec(compile(code, page, "exec"), {})


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the programs name."""
    path = tmp_path_factory.mktemp("docs")
    pki = PublicKeyInfrastructure()
    pki.ca.writeTo(path, "ca")
    for name in ("server", "client"):
        files = getattr(pki, name).writeTo(path, name)
        files.key.rename(path / f"{name}-key.pem")
    return path


@pytest.fixture(scope="module")
def selfSignedDirectory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server certificate without an authority, as the README makes it."""
    path = tmp_path_factory.mktemp("self-signed")
    certificateFiles(path)
    return path


@pytest.fixture
def directoryByOpenssl(tmp_path: Path) -> Path:
    """The same files, made as the how-to says."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl command here")
    runCommands("howto-client-certificates", "req -x509", tmp_path)
    return tmp_path


def runCommands(page: str, word: str, directory: Path) -> None:
    """Run the one block of commands of a page that has this word in it."""
    (commands,) = (block for block in SHELL.findall((DOCS / f"{page}.md").read_text("utf-8")) if word in block)
    subprocess.run(["sh", "-ec", commands], cwd=directory, check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize(
    ("serverPage", "clientPage", "answer", "told"),
    [
        ("howto-psk", "howto-psk", "answer: 21.5 degrees\n", "connected: sensor-1\n"),
        ("howto-client-certificates", "howto-client-certificates", "answer: hello, client\n", ""),
        ("howto-virtual-hosts", "howto-virtual-hosts", "answer: you asked for localhost\n", ""),
        ("howto-dtls", "howto-dtls", "answer: hello\n", ""),
        ("porting/godot-packetpeerdtls", "porting/godot-packetpeerdtls", "answer: 42\n", ""),
    ],
)
def test_programs(directory: Path, serverPage: str, clientPage: str, answer: str, told: str) -> None:
    """Server and client talk to each other."""
    converse(directory, serverPage, clientPage, answer, told)


@pytest.mark.parametrize(
    ("serverPage", "server", "clientPage", "client", "answer", "told"),
    [
        ("howto-client-certificates", "server", "howto-client-certificates", "asking", "answer: hello, client\n", ""),
        (
            *("howto-virtual-hosts", "fetching", "howto-virtual-hosts", "client"),
            *("answer: here you are\n", "somebody wants localhost\n"),
        ),
        ("howto-virtual-hosts", "server", "howto-debugging", "client", "X25519MLKEM768\n", ""),
    ],
)
def test_other_programs(
    directory: Path, serverPage: str, server: str, clientPage: str, client: str, answer: str, told: str
) -> None:
    """The variations that a page shows."""
    converse(directory, serverPage, clientPage, answer, told, names=(server, client))


def test_first_programs(selfSignedDirectory: Path) -> None:
    """The first ones trust a self-signed certificate."""
    converse(selfSignedDirectory, "howto-first-server", "howto-first-client", "answer: HOW ARE YOU?\n", "")


def test_certificates_by_openssl(directoryByOpenssl: Path) -> None:
    """The commands of the how-to make what its programs need."""
    page = "howto-client-certificates"
    converse(directoryByOpenssl, page, page, "answer: hello, client\n", "")


def test_pkcs12_by_openssl(directoryByOpenssl: Path) -> None:
    """The command of the how-to makes the file that its block reads."""
    runCommands("howto-client-certificates", "pkcs12", directoryByOpenssl)
    configuration = qtsecure.SslConfiguration.fromPkcs12(str(directoryByOpenssl / "client.p12"), "secret")
    assert configuration.localCertificateChain()[0].subjectInfo("CN") == ["client"]


def test_trace_of_the_page(directory: Path) -> None:
    """The server that the page names sends the messages that the page shows; their sizes vary with the certificate."""
    page = (DOCS / "howto-debugging.md").read_text("utf-8")
    (command,) = re.findall(r"`qtsecure (serve [^`]*)`", page)
    server = startCommand(directory, *command.replace("4433", "0").split())
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().removeprefix("READY "))
        out, err = startOnPort(programs("howto-debugging")["client"], directory, port).communicate(timeout=120)
    finally:
        server.kill()
        server.communicate(timeout=120)
    (shown,) = re.findall(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert (re.sub(r" \d+ bytes", "", out), err) == (re.sub(r" \d+ bytes", "", shown), "")


def test_debugging_without_a_server(directory: Path) -> None:
    """The program says so, and ends."""
    with closedPort() as port:
        client = startOnPort(programs("howto-debugging")["client"], directory, port)
        assert client.communicate(timeout=120) == (
            "",
            f"Connection refused: nothing listens on port {port} of localhost.\n",
        )
    assert client.returncode == 1


def converse(
    directory: Path,
    serverPage: str,
    clientPage: str,
    answer: str,
    told: str,
    *,
    names: tuple[str, str] = ("server", "client"),
    change: Callable[[str], str] = str,
) -> None:
    """Run both programs, changed, until the client ends."""
    server = startOnPort(change(programs(serverPage)[names[0]]), directory, 0)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().removeprefix("listening on port "))
        client = startOnPort(change(programs(clientPage)[names[1]]), directory, port)
        out, err = client.communicate(timeout=120)
        assert (client.returncode, err) == (0, "")
        assert out.endswith(answer)
    finally:
        server.kill()
        out, err = server.communicate(timeout=120)
    assert (out, err) == (told, "")


@pytest.mark.parametrize(
    ("page", "old", "new", "text"),
    [
        ("howto-client-certificates", "client", "impostor", "signed by itself"),
        ("howto-psk", "sensor-1", "sensor-2", "no usable pre-shared key"),
    ],
)
def test_servers_tell_whom_they_refuse(directory: Path, page: str, old: str, new: str, text: str) -> None:
    """A client with a self-signed certificate, and one with an unknown identity."""
    files = selfSignedCertificate().writeTo(directory, "impostor")
    files.key.rename(directory / "impostor-key.pem")
    code = programs(page)
    server = startOnPort(code["server"], directory, 0)
    try:
        assert server.stdout is not None
        assert server.stderr is not None
        port = int(server.stdout.readline().removeprefix("listening on port "))
        client = startOnPort(re.sub(rf'"{old}([^"]*)"', rf'"{new}\1"', code["client"]), directory, port)
        client.communicate(timeout=120)
        assert client.returncode == 1
        line = server.stderr.readline()
    finally:
        server.kill()
        server.communicate(timeout=120)
    assert line.startswith("refused: ")
    assert text in line


@pytest.mark.parametrize(
    ("page", "old", "new", "text"),
    [
        ("howto-psk", "a9a1ef23", "b9a1ef23", "keys"),
        ("howto-client-certificates", "client-key.pem", "server-key.pem", "does not belong"),
    ],
)
def test_failures_are_told(directory: Path, page: str, old: str, new: str, text: str) -> None:
    """What a beginner gets wrong first."""
    code = programs(page)
    server = startOnPort(code["server"], directory, 0)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().removeprefix("listening on port "))
        client = startOnPort(code["client"].replace(old, new), directory, port)
        _, err = client.communicate(timeout=120)
        assert client.returncode == 1
        assert text in err
    finally:
        server.kill()
        server.communicate(timeout=120)

"""Whatever the bytes are: only the documented exceptions, soon, and with little memory."""

from __future__ import annotations

import ast
import inspect
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType

import pytest

import qtsecure
from tests.figures import Figure
from tests.fuzz.mutations import Mutator
from tests.fuzz.running import Findings, fuzz
from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.targets.target import CORPUS

_SOURCES = Path(inspect.getfile(qtsecure)).parent
_FEW_MUTANTS, _MANY_MUTANTS = 120, 10_000
"""For a share of 1."""
_FEW, _MANY = 16_384, 65_536
_MOST_GROWTH = 9
"""Four times the input must not take sixteen times as long."""
_UNMEASURABLE = 0.1
_MOST_MEMORY = 200
"""Bytes for each byte of the input; Python's objects are large."""

every = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
pytestmark = pytest.mark.usefixtures("qapp")


@pytest.mark.figure("R25")
@pytest.mark.timeout(900)
def test_r25_corpus_and_mutants(figure: Figure) -> None:
    """Each saved input, and mutants of them: some here, 300,000 of all targets together on the scoreboard."""
    mutants = figure.size(_FEW_MUTANTS, _MANY_MUTANTS)
    found = {target.name: fuzz(target, int(mutants * target.share), figure.seed) for target in TARGETS}
    executions = sum(each.executions for each in found.values())
    wrong = [f"{name}: {each}" for name, each in found.items() if each.failures]
    figure.none("exceptions that are not documented, and inputs that take long", len(wrong), executions)
    assert not wrong, "\n".join(wrong)


@every
def test_large_inputs(target: Target) -> None:
    """Four times as many bytes take about four times as long, and the memory that the bytes justify."""
    for unit in (*target.grows, *filter(None, target.seeds())):
        small, large = ((unit * (size // len(unit) + 1))[:size] for size in (_FEW, _MANY))
        long = _seconds(target, large)
        if long > _UNMEASURABLE:
            short = min(_seconds(target, small) for _ in range(3))
            assert min(long, *(_seconds(target, large) for _ in range(2))) < _MOST_GROWTH * short, unit
    # A directory is read file by file, each with room for the largest file that there may be.
    for unit in target.grows[:1] if target.name != "ca-directory" else ():
        assert _memory(target, (unit * (_FEW // len(unit) + 1))[:_FEW]) < _MOST_MEMORY * _FEW


def _seconds(target: Target, data: bytes) -> float:
    begin = time.process_time()
    target.outcome(data)
    return time.process_time() - begin


def _memory(target: Target, data: bytes) -> int:
    tracemalloc.start()
    try:
        target.outcome(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _parsers() -> Iterator[tuple[Path, str, int]]:
    """Each function of qtsecure that reads untrusted bytes: its file, its name and its first line."""
    for path in sorted(_SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_untrusted"):
                decorators = {ast.unparse(each) for each in node.decorator_list}
                if "abstractmethod" not in decorators:
                    yield path, node.name, node.lineno


def test_every_parser_is_fuzzed() -> None:
    """Each function whose name ends in _untrusted is reached by the corpus of some target."""
    reached: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        code: CodeType = frame.f_code
        if event == "call" and code.co_name.endswith("_untrusted"):
            reached.add((code.co_filename, code.co_name))

    for target in TARGETS:
        if target.share < 0.2:
            continue  # slow, and their parsers are those of others
        sys.setprofile(note)
        try:
            for data in target.corpus():
                target.outcome(data)
        finally:
            sys.setprofile(None)
    parsers = {(str(path), name) for path, name, _ in _parsers()}
    assert len(parsers) > 40
    assert sorted(parsers - reached) == [], "no target in tests/fuzz/targets feeds these"


def test_every_loader_is_fuzzed() -> None:
    """Whoever calls a decoder of cryptography or json has a name that ends in _untrusted, or is a loader of files.

    A new one has to be reached by a target, and to be named here.
    """
    decoders = ("load_der_", "load_pem_", "json.loads", "load_key_and_certificates", "d2i_")
    callers = {
        f"{path.relative_to(_SOURCES)}:{function.name}"
        for path in sorted(_SOURCES.rglob("*.py"))
        if "testing" not in path.parts
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef) and not function.name.endswith("_untrusted")
        for node in ast.walk(function)
        if isinstance(node, (ast.Name, ast.Attribute)) and any(decoder in _called(node) for decoder in decoders)
    }
    assert callers == _LOADERS


def _called(node: ast.Name | ast.Attribute) -> str:
    """The last two words of a dotted name."""
    if isinstance(node, ast.Name):
        return node.id
    owner = getattr(node.value, "id", getattr(node.value, "attr", ""))
    return f"{owner}.{node.attr}"


_LOADERS = {
    "engine/_openssl_identity.py:name_components",  # distinguished-name
    "engine/_openssl_sessions.py:_decode",  # session
    "engine/certificates.py:_parse_certificates",  # certificate-file
    "engine/certificates.py:load_private_key",  # private-key
    "engine/channel_bindings.py:_digest_name",  # certificate-facts
    "engine/contexts.py:_set_verification",  # what load_crls() has read before
    "engine/ocsp.py:_issuer_of",  # status
    "engine/ocsp.py:load_status",  # status-file
    "engine/ocsp.py:require_status_of",  # what load_status() has read before
    "engine/revocation.py:_parse",  # crl-file
    "engine/trust.py:add_der",  # ca-directory
    "engine/trust.py:add_pem",  # ca-directory
}


def test_the_corpus() -> None:
    """Every target has one; all of them are small; there is none without a target."""
    assert {path.name for path in CORPUS.iterdir()} == {target.name for target in TARGETS}
    assert sum(target.share for target in TARGETS) * _MANY_MUTANTS > 300_000  # as R25 demands
    files = [path for target in TARGETS for path in target.files()]
    assert len(files) >= 500
    assert sum(path.stat().st_size for path in files) < 1 << 20
    for target in TARGETS:
        assert set(target.seeds()) <= set(target.corpus()), f"run python -m tests.fuzz.corpus {target.name}"


def test_the_fuzzer_finds_something() -> None:
    """An exception that is not documented, and a subclass of one that is."""

    def seek(wrong: Callable[[], object]) -> Findings:
        def run(data: bytes) -> None:
            if data[:1] == b"\xff":
                wrong()
            raise ValueError

        return fuzz(Target("variant", run, list, (ValueError,)), 3000)

    assert "KeyError" in str(seek(lambda: {}["missing"]))
    assert "UnicodeDecodeError" in str(seek(b"\xff".decode))
    assert seek(lambda: None).failures == {}


def test_mutants_are_the_same_each_time() -> None:
    """A seed is all that is needed to make an input again."""
    target = next(target for target in TARGETS if target.der)
    one, same, other = (Mutator(target.corpus(), target.words, der=True, seed=seed) for seed in (1, 1, 2))
    mutants = [one.next() for _ in range(200)]
    assert [same.next() for _ in range(200)] == mutants
    assert [other.next() for _ in range(200)] != mutants
    assert len(set(mutants)) > 150

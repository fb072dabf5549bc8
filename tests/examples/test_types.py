"""Programs that are copied from the examples give type checkers nothing to complain about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.running import ROOT

EXAMPLES = sorted({path.parent for path in (ROOT / "examples").glob("*/*.py")})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_mypy_is_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it comes, without options; each example by itself, as modules of several have the same names."""
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    config = tmp_path / "mypy.ini"
    config.write_text(
        f"[mypy]\ncache_dir = {tmp_path.as_posix()}/cache\n[mypy-pyqtgraph.*]\nignore_missing_imports = true\n", "utf-8"
    )
    assert len(EXAMPLES) > 10
    failures = []
    for directory in EXAMPLES:
        monkeypatch.chdir(directory)
        out, err, status = api.run(["--config-file", str(config), *(path.name for path in directory.glob("*.py"))])
        if status:
            failures.append(f"{directory.name}: {out}{err}")
    assert failures == []

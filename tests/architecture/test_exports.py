"""The public names are where they should be."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import qtsecure
import qtsecure.testing
import qtsecure.widgets

PACKAGES = [qtsecure, qtsecure.testing, qtsecure.widgets]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_name_has_its_module(package) -> None:
    """__all__ is sorted and the table of modules speaks of the same names."""
    assert package.__all__ == sorted(package.__all__)
    assert set(package.__all__) == set(package._MODULES)
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize("name", qtsecure.__all__)
def test_public_name(name: str) -> None:
    """The lazy export is the object of its module."""
    exported = getattr(qtsecure, name)
    assert exported is getattr(importlib.import_module(qtsecure._MODULES[name]), name)
    assert getattr(qtsecure, name) is exported


@pytest.mark.parametrize("name", qtsecure.testing.__all__)
def test_public_name_of_testing(name: str) -> None:
    """The same for the test support."""
    module = importlib.import_module(qtsecure.testing._MODULES[name])
    assert getattr(qtsecure.testing, name) is getattr(module, name)


@pytest.mark.parametrize("name", qtsecure.widgets.__all__)
def test_public_name_of_widgets(name: str) -> None:
    """The same for the widgets."""
    module = importlib.import_module(qtsecure.widgets._MODULES[name])
    assert getattr(qtsecure.widgets, name) is getattr(module, name)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_unknown_name(package) -> None:
    """A typing error is an AttributeError that names it."""
    with pytest.raises(AttributeError, match=rf"module '{package.__name__}' has no attribute 'SslSokcet'"):
        _ = package.SslSokcet


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_type_checkers_see_the_same_names(package) -> None:
    """The imports for type checkers name every export."""
    source = Path(package.__file__).read_text("utf-8")
    block = source.partition("if TYPE_CHECKING:\n")[2].partition("\n\n")[0]
    assert block
    missing = [name for name in package.__all__ if name not in block.replace(",", " ").split()]
    assert missing == []


def test_version() -> None:
    """The version is three numbers."""
    assert [part.isdigit() for part in qtsecure.__version__.split(".")] == [True] * 3


def test_typed_marker() -> None:
    """Type checkers look at the annotations of an installed package only beside this file."""
    assert (Path(qtsecure.__file__).parent / "py.typed").exists()

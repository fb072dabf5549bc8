"""Inherited methods that stand in the class itself."""

from __future__ import annotations

from qtsecure.net.qt_objects.flat_class import flattened


class Ground:
    """What is built on."""

    def lower(self) -> str:
        return "ground"

    def replaced(self) -> str:
        return "ground"

    def hidden(self) -> str:
        return "ground"


class Floor(Ground):
    """Replaces a method, and hides one behind something else."""

    hidden = property(lambda self: "floor")  # type: ignore[assignment]  # the case in question

    def replaced(self) -> str:
        return f"floor on {super().replaced()}"


@flattened
class House(Floor):
    """The class itself."""

    def own(self) -> str:
        return "house"


def test_the_nearest_method_wins_as_before() -> None:
    """Inherited, replaced, its own, and one that is no method any more."""
    house = House()
    assert (house.lower(), house.replaced(), house.own(), house.hidden) == (
        "ground",
        "floor on ground",
        "house",
        "floor",
    )
    assert {"lower", "replaced", "own"} <= set(vars(House))
    assert "hidden" not in vars(House)


def test_subclasses_may_go_on_replacing() -> None:
    """Also what stands in the class now."""

    class Extension(House):
        def lower(self) -> str:
            return f"extension of {super().lower()}"

    assert Extension().lower() == "extension of ground"

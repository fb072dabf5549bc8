"""A form as Designer writes it, with one of each widget."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["formWith"]


def formWith(widgets: Mapping[str, Mapping[str, str]], *, stdset: bool = False) -> str:
    """Return the text of a form.

    Args:
        widgets: Classes, with the properties that are set, as XML.
        stdset: Leave the attribute out with which Designer marks properties that were made in Python.
    """
    items, custom = "", ""
    mark = "" if stdset else ' stdset="0"'
    for name, properties in widgets.items():
        values = "".join(f'<property name="{key}"{mark}>{value}</property>' for key, value in properties.items())
        items += f'<item><widget class="{name}" name="the{name}">{values}</widget></item>'
        custom += (
            f"<customwidget><class>{name}</class><extends>QWidget</extends>"
            "<header>qtsecure.widgets</header></customwidget>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ui version="4.0"><class>Form</class>'
        f'<widget class="QWidget" name="Form"><layout class="QVBoxLayout" name="column">{items}</layout></widget>'
        f"<customwidgets>{custom}</customwidgets></ui>"
    )

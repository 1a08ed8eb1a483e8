"""HTML from Python values: every text is escaped unless it is marked as HTML already."""

from __future__ import annotations

import html
from collections.abc import Iterable


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = Markup | str | int | float | None


def escape(content: Content) -> Markup:
    """HTML of a value; nothing for None."""
    if isinstance(content, Markup):
        return content
    return Markup("" if content is None else html.escape(str(content)))


def join(parts: Iterable[Content], between: str = "") -> Markup:
    """Put pieces one after the other."""
    return Markup(between.join(escape(part) for part in parts))


def tag(name: str, /, *children: Content, **attributes: Content) -> Markup:
    """An element; `class_` gives the attribute class, and attributes that are None are left out.

    Examples:
        >>> tag("p", "a < b", class_="note")
        '<p class="note">a &lt; b</p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in ("br", "img", "meta", "col"):
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def table(
    header: Iterable[Content],
    rows: Iterable[Iterable[Content]],
    numeric: Iterable[int] = (),
    caption: Content = None,
) -> Markup:
    """A table that scrolls sideways when it is wider than the screen.

    Args:
        numeric: indices of columns that are set flush right.
    """
    right = set(numeric)

    def cells(kind: str, row: Iterable[Content]) -> Markup:
        return join(
            tag(kind, cell, class_="n" if column in right else None)
            for column, cell in enumerate(row)
        )

    body = join((tag("tr", cells("td", row)) for row in rows), "\n")
    parts = [] if caption is None else [tag("caption", caption)]
    parts += [tag("thead", tag("tr", cells("th", header))), tag("tbody", body)]
    # A scrolling box needs a place in the tab order to be reached by keyboard.
    return tag("div", tag("table", *parts), class_="scroll", tabindex="0")

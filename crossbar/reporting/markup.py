"""HTML as a tree, so that no text can be taken for markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, tostring

__all__ = ["data_table", "document", "node"]


def node(tag: str, *children: Element | str | None, **attributes: str) -> Element:
    """An element with its children; None is left out.

    A trailing underscore of an attribute's name is dropped, others become hyphens, so that
    ``class_`` and ``aria_label`` can be said.
    """
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    made = Element(tag, named)
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif child and len(made):
            made[-1].tail = (made[-1].tail or "") + child
        elif child:
            made.text = (made.text or "") + child
    return made


def data_table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[tuple[str, str | None]]],
    *,
    sortable: bool = False,
) -> Element:
    """A table in a box of its own, which scrolls where the page is narrow.

    Parameters
    ----------
    caption : str
    head : sequence of str
        Headings of the columns.
    rows : iterable of sequence of (str, str or None)
        Each cell's text, and for a number the value to sort by. The first cell heads its row.
    sortable : bool
        Whether a click on a heading sorts.
    """
    box = node("div", class_="scroll", tabindex="0", role="region", aria_label=caption)
    headings = [node("th", text, scope="col") for text in head]
    body = node("tbody")
    for row in rows:
        line = node("tr")
        for place, (text, number) in enumerate(row):
            cell = node("td", text) if place else node("th", text, scope="row")
            if number is not None:
                cell.set("class", "number")
                cell.set("data-value", number)
            line.append(cell)
        body.append(line)
    table = node("table", node("caption", caption), node("thead", node("tr", *headings)), body)
    if sortable:
        table.set("class", "sortable")
    box.append(table)
    return box


def document(root: Element) -> str:
    """The text of a page."""
    return "<!DOCTYPE html>\n" + tostring(root, encoding="unicode", method="html") + "\n"

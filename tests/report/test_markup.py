"""HTML building: what is not marked as HTML is escaped."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.markup import Markup, escape, join, table, tag


class Collector(HTMLParser):
    """Start tags, attributes and text of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")))
def test_any_text_comes_back_as_text_and_adds_no_element(text: str) -> None:
    parser = Collector()
    parser.feed(tag("p", text, title=text))
    parser.close()
    assert parser.tags == ["p"]
    assert parser.text == text
    assert parser.attributes == [("title", text)]


def test_markup_is_kept_and_the_rest_escaped() -> None:
    assert escape(Markup("<b>")) == "<b>"
    assert join(["<", tag("br"), 3, None]) == "&lt;<br>3"
    assert tag("a", "x", href=None, aria_label='"') == '<a aria-label="&quot;">x</a>'


def test_table() -> None:
    assert table(("a", "b"), [("<", 1)], numeric=(1,), caption="c") == (
        '<div class="scroll" tabindex="0"><table><caption>c</caption>'
        '<thead><tr><th>a</th><th class="n">b</th></tr></thead>'
        '<tbody><tr><td>&lt;</td><td class="n">1</td></tr></tbody></table></div>'
    )

"""
What a page consists of, read as a user agent reads it.
"""

from __future__ import annotations

from html.parser import HTMLParser


class Outline(HTMLParser):
    """
    What a document consists of.
    """

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        """
        The names of all elements, in order.
        """
        self.ids: list[str | None] = []
        self.references: list[str | None] = []
        """
        The ids that elements are labelled or described by.
        """
        self.links: list[str | None] = []
        self.fields: dict[str | None, str | None] = {}
        self.actions: list[str | None] = []
        self.text = ""
        self._is_style = False
        self.feed(document.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not any(name.startswith("on") or name == "style" for name in given), given
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.references += [given[name] for name in ("aria-labelledby", "aria-describedby") if name in given]
        self._is_style = tag in ("style", "script")
        if tag == "a":
            self.links.append(given["href"])
        elif tag == "input":
            self.fields[given["name"]] = given["value"]
        elif tag == "form":
            assert given["method"] == "post"
            self.actions.append(given["action"])

    def handle_endtag(self, tag: str) -> None:
        self._is_style = False

    def handle_data(self, data: str) -> None:
        if not self._is_style:
            self.text += data

"""
What a route answers by itself.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.values import Origin
from pomerium_tx.routing.answers import FixedResponse, Redirect, answer_of
from tests.routing.routes import a_section

ASKED = Origin(scheme="https", host="app.example.com", port=None)
LOCATIONS: list[tuple[dict[str, Any], str]] = [
    ({"host_redirect": "new.example.com"}, "https://new.example.com/a/b?x=1"),
    ({"host_redirect": "new.example.com", "strip_query": True}, "https://new.example.com/a/b"),
    ({"scheme_redirect": "http"}, "http://app.example.com/a/b?x=1"),
    ({"port_redirect": 8443}, "https://app.example.com:8443/a/b?x=1"),
    ({"port_redirect": 443}, "https://app.example.com/a/b?x=1"),
    ({"path_redirect": "/new"}, "https://app.example.com/new?x=1"),
    ({"path_redirect": "/new?y=2"}, "https://app.example.com/new?y=2"),
    ({"path_redirect": "/new?y=2", "strip_query": True}, "https://app.example.com/new?y=2"),
    ({"path_redirect": "/new?"}, "https://app.example.com/new?"),
    ({"prefix_rewrite": "/z"}, "https://app.example.com/z/b?x=1"),
]
PORTS = [
    (Origin(scheme="http", host="a.test", port=80), {"https_redirect": True}, "https://a.test/"),
    (Origin(scheme="http", host="a.test", port=8080), {"https_redirect": True}, "https://a.test:8080/"),
    (Origin(scheme="https", host="a.test", port=443), {"scheme_redirect": "http"}, "http://a.test/"),
    (Origin(scheme="https", host="a.test", port=8443), {"host_redirect": "b.test"}, "https://b.test/"),
    (
        Origin(scheme="http", host="a.test", port=None),
        {"https_redirect": True, "port_redirect": 444},
        "https://a.test:444/",
    ),
]


def redirect(section: dict[str, Any], **keys: Any) -> Redirect:
    """
    That of a route.
    """
    found = answer_of(a_section(to=..., redirect=section, **keys))
    assert isinstance(found, Redirect)
    return found


class RedirectTests(SynchronousTestCase):
    """
    Where a redirect leads.
    """

    def test_location(self) -> None:
        """
        What the route names is another; the rest is what was asked for.
        """
        for section, location in LOCATIONS:
            with self.subTest(section=section):
                self.assertEqual(redirect(section, prefix="/a").location(ASKED, b"/a/b", b"x=1"), location)

    def test_ports(self) -> None:
        """
        The usual port of a scheme goes with it, any other stays.
        """
        for asked, section, location in PORTS:
            with self.subTest(asked=str(asked), section=section):
                self.assertEqual(redirect(section).location(asked, b"/", None), location)

    def test_whole_path(self) -> None:
        """
        Where a whole path was matched, all of it is replaced.
        """
        for keys in ({"path": "/a/b"}, {"regex": "/a/.*"}):
            with self.subTest(keys=keys):
                found = redirect({"prefix_rewrite": "/z"}, **keys)
                self.assertEqual(found.location(ASKED, b"/a/b", None), "https://app.example.com/z")

    def test_status(self) -> None:
        """
        301 unless the route says otherwise.
        """
        self.assertEqual(redirect({"host_redirect": "b"}).status, 301)
        self.assertEqual(redirect({"host_redirect": "b", "response_code": 308}).status, 308)


class ResponseTests(SynchronousTestCase):
    """
    Fixed answers.
    """

    def test_response(self) -> None:
        """
        Status and content are those of the configuration.
        """
        found = answer_of(a_section(to=..., response={"status": 410, "body": "gone ä"}))
        self.assertEqual(found, FixedResponse(status=410, body="gone ä".encode()))

    def test_application(self) -> None:
        """
        A route with an application answers nothing by itself.
        """
        self.assertIsNone(answer_of(a_section()))

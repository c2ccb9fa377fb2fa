"""
Tests for `pomerium_tx.authenticate.form_post`, through the whole authenticate host.
"""

from __future__ import annotations

from html import unescape

from twisted.trial.unittest import SynchronousTestCase

from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, FROM_OWN_PAGE, A, R, World, form_of, query_of

CALLBACK = A + "/oauth2/callback"


class FormPostTests(SynchronousTestCase):
    """
    An OP that answers by a form.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)

    def response(self) -> dict[str, str]:
        """
        What the OP would post.
        """
        begun = self.alice.open(R + "/")
        return query_of(self.alice.at_provider(begun.header("location") or ""))

    def test_from_the_provider(self) -> None:
        """
        A form that another site posts is posted once more from here, with what counts and nothing else, and then there
        is a session; nothing begins before.
        """
        fields = self.response() | {"user": "x", "id_token": "y"}
        page = self.alice.post(CALLBACK, fields, FROM_ANOTHER_SITE)
        self.assertEqual((page.status, self.world.registry.count), (200, 0))
        again = {name: unescape(value) for name, value in form_of(page.text).items()}
        self.assertEqual(set(again), (set(fields) - {"user", "id_token"}) | {"pomerium_again"})
        done = self.alice.post(CALLBACK, again, FROM_OWN_PAGE)
        self.assertEqual((done.status, self.world.registry.count), (303, 1))

    def test_no_circle(self) -> None:
        """
        What comes by way of our page is not posted again, whatever the user agent says of where it comes from.
        """
        page = self.alice.post(CALLBACK, self.response() | {"pomerium_again": "1"}, FROM_ANOTHER_SITE)
        self.assertEqual((page.status, self.world.registry.count), (303, 1))

    def test_without_fetch_metadata(self) -> None:
        """
        Where the user agent says nothing but an origin, that counts.
        """
        for origin, is_again in ((A, False), ("https://op.example.com", True), ("null", True)):
            with self.subTest(origin):
                self.setUp()
                page = self.alice.post(CALLBACK, self.response(), {"Origin": origin})
                self.assertEqual((page.status == 200, self.world.registry.count), (is_again, 0 if is_again else 1))

    def test_nothing_of_others_in_the_page(self) -> None:
        """
        What is posted is text in our page, whatever it is.
        """
        page = self.alice.post(CALLBACK, {"code": '"><script>alert(1)</script>', "state": "s"}, FROM_ANOTHER_SITE)
        self.assertNotIn("<script>alert", page.text)

"""
Tests for `pomerium_tx.demo.interaction`: a logout that relying parties are told of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from pomerium_tx.demo.logout_channels import LogoutChannels
from pomerium_tx.demo.registration import Client
from tests.demo.interaction import InteractionCase
from tests.demo.support import ISSUER, TOLD, Browser


class ToldTests(InteractionCase):
    """
    The person sees that relying parties are told.
    """

    def setUp(self) -> None:
        """
        Alice is signed in, to two clients: one wants to be told, in a way that this test decides.
        """
        super().setUp()
        self.posted: list[Deferred[int]] = []

        async def post(uri: str, logout_token: str) -> int:
            waiting: Deferred[int] = Deferred()
            self.posted.append(waiting)
            return await waiting

        self.provider.channels = LogoutChannels(issuer=ISSUER, clock=self.clock, post=post)
        self.register(TOLD)
        self.browser.sign_in("alice")
        session = self.session()
        assert session is not None
        for client_id in ("rp", "told"):
            self.hint = self.provider.tokens_for("alice", session=session, client_id=client_id).id_token
        self.sid = session.sid

    def register(self, client: Client) -> None:
        """
        The client that is told.
        """
        self.provider.clients["told"] = client

    def begin(self, url: str, form: dict[str, str] | None = None) -> Deferred[Any]:
        """
        An answer that is not awaited.
        """
        assert self.browser.cookie is not None
        headers = {"Cookie": self.browser.cookie}
        treq = self.browser.treq
        waiting: Deferred[Any] = treq.request(
            "GET" if form is None else "POST", url, headers=headers, data=form, allow_redirects=False
        )
        treq.flush()
        return waiting

    def end_session_url(self) -> str:
        """
        What the client ``told`` sends the person to.
        """
        uri = TOLD.post_logout_redirect_uris[0]
        query = {"id_token_hint": self.hint, "post_logout_redirect_uri": uri, "state": "back"}
        return f"{ISSUER}/end-session?{urlencode(query)}"

    def test_waits_for_the_back_channel(self) -> None:
        """
        The person goes on once the back channel has answered.
        """
        self.register(replace(TOLD, frontchannel_logout_uri=None))
        waiting = self.begin(self.end_session_url())
        self.assertNoResult(waiting)
        self.assertIsNone(self.session())
        self.posted[0].callback(200)
        self.browser.treq.flush()
        response = self.successResultOf(waiting)
        self.assertEqual(response.code, 303)
        self.assertEqual(response.headers.getRawHeaders("location"), ["http://told.test/out?state=back"])

    def test_does_not_wait_long(self) -> None:
        """
        A relying party that does not answer holds nobody up for more than two seconds.
        """
        self.register(replace(TOLD, frontchannel_logout_uri=None))
        waiting = self.begin(self.end_session_url())
        self.clock.advance(1.9)
        self.browser.treq.flush()
        self.assertNoResult(waiting)
        self.clock.advance(0.1)
        self.browser.treq.flush()
        self.assertEqual(self.successResultOf(waiting).code, 303)

    def test_person_leaves(self) -> None:
        """
        The end of the wait finds nobody, and nothing breaks.
        """
        waiting = self.begin(self.end_session_url())
        waiting.cancel()
        self.browser.treq.flush()
        self.failureResultOf(waiting)
        self.posted[0].callback(200)
        self.browser.treq.flush()

    def test_front_channel(self) -> None:
        """
        Front channels are framed, each with ``iss`` and ``sid`` behind its own query, and then the person goes on.
        """
        self.register(replace(TOLD, backchannel_logout_uri=None))
        seen = self.browser.get(self.end_session_url())
        self.assertEqual(seen.status, 200)
        frame = f"http://told.test/front?{urlencode({'own': '1', 'iss': ISSUER, 'sid': self.sid})}"
        self.assertIn(f'src="{frame}"', seen.text)
        self.assertIn('url=http://told.test/out?state=back"', seen.text)
        self.assertIn("frame-src http://told.test", seen.headers["content-security-policy"])
        self.assertIsNone(self.browser.cookie)

    def test_own_page(self) -> None:
        """
        Pressing *Sign out* on the OP's own page ends the session at once, tells everybody and says so.
        """
        waiting = self.begin(f"{ISSUER}/sign-out", {})
        self.posted[0].callback(200)
        self.browser.treq.flush()
        text = self.successResultOf(self.browser.treq.content(self.successResultOf(waiting))).decode()
        self.assertIsNone(self.session())
        for said in ("You are signed out", "back channel: 200", "<iframe"):
            self.assertIn(said, text)

    def test_other_sites_cannot_sign_out(self) -> None:
        """
        A page of another site cannot press that button.
        """
        self.assertEqual(self.browser.post(f"{ISSUER}/sign-out", {}, Sec_Fetch_Site="cross-site").status, 403)
        self.assertIsNotNone(self.session())

    def test_nobody(self) -> None:
        """
        Where nobody is signed in the button says what is so.
        """
        seen = Browser(self, self.provider).post(f"{ISSUER}/sign-out", {})
        self.assertIn("Nobody is signed in", seen.text)

    def test_script(self) -> None:
        """
        What goes on at once is served.
        """
        self.assertIn("javascript", self.browser.get(f"{ISSUER}/logout.js").headers["content-type"])

"""
Tests for `pomerium_tx.authenticate.program_consent`: no program gets a handle without a person's click.
"""

from __future__ import annotations

from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.store import Cause
from tests.doubles.channel import Asked
from tests.logout.user_agent import UserAgent
from tests.logout.world import FROM_ANOTHER_SITE, A, R, World, form_of, query_of

SIGN_IN = A + "/.pomerium/sign_in"
HERE = "http://localhost:8000/"


class ProgramConsentTests(SynchronousTestCase):
    """
    The question, and the answer.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.alice = UserAgent(self.world)
        self.session = self.alice.sign_in()

    def question(self, alice: UserAgent | None = None, **parameters: str) -> Asked:
        callback = f"{R}/.pomerium/callback/?{urlencode({'pomerium_redirect_uri': HERE, 'mine': '1'})}"
        url = self.world.login.for_program(callback, HERE, self.world.provider.idp_id, self.world.clock.seconds())
        return (alice or self.alice).follow((alice or self.alice).get(url))

    def test_yes(self) -> None:
        """
        303 to the route's callback, which gets the program's own query too, and to the program from there.
        """
        answer = self.alice.post(SIGN_IN, form_of(self.question().text))
        self.assertEqual(answer.status, 303)
        location = answer.header("location") or ""
        self.assertTrue(location.startswith(R + "/.pomerium/callback/?"))
        parameters = query_of(location)
        self.assertEqual((parameters["pomerium_programmatic"], parameters["mine"]), ("true", "1"))
        self.assertEqual(parameters["pomerium_redirect_uri"], HERE)
        self.assertTrue((self.alice.get(location).header("location") or "").startswith(HERE + "?pomerium_jwt="))

    def test_without_token(self) -> None:
        """
        Another site cannot press the button, nor can a form without the token, nor another browser.
        """
        form = form_of(self.question().text)
        self.assertEqual(self.alice.post(SIGN_IN, form, FROM_ANOTHER_SITE).status, 400)
        self.assertEqual(self.alice.post(SIGN_IN, {**form, "_pomerium_csrf": "x"}).status, 400)
        bob = UserAgent(self.world, "bob")
        bob.sign_in()
        self.assertEqual(bob.post(SIGN_IN, form).status, 400)
        self.assertEqual(UserAgent(self.world).post(SIGN_IN, form).status, 400)

    def test_forged_or_old(self) -> None:
        """
        What was asked cannot be exchanged for something else, and a question does not stand for ever.
        """
        form = form_of(self.question().text)
        other = self.world.sealer.seal("held sign-in", b'{"wanted": "https://evil.example/"}')
        for program in ("", "x", other):
            self.assertEqual(self.alice.post(SIGN_IN, {**form, "pomerium_program": program}).status, 400)
        self.world.clock.advance(601.0)
        self.assertEqual(self.alice.post(SIGN_IN, form).status, 400)

    def test_another_person(self) -> None:
        """
        Who signs in as somebody else before clicking has not been asked as them.
        """
        form = form_of(self.question().text)
        ended = self.world.ending.end([self.session.id], Cause.ADMINISTRATOR)
        self.successResultOf(Deferred.fromCoroutine(ended))
        self.alice.person = "bob"
        self.alice.at_op.clear()
        self.alice.sign_in()
        fresh = form_of(self.question().text)
        answer = self.alice.post(SIGN_IN, {**form, "_pomerium_csrf": fresh["_pomerium_csrf"]})
        self.assertEqual(answer.status, 400)

    def test_too_long(self) -> None:
        """
        A program that waits at a very long address is told so, before the person is sent to the OP for nothing.
        """
        here = "http://localhost/?" + "%2F" * 600
        callback = f"{R}/.pomerium/callback/?{urlencode({'pomerium_redirect_uri': here})}"
        url = self.world.login.for_program(callback, here, self.world.provider.idp_id, self.world.clock.seconds())
        self.assertEqual(UserAgent(self.world).get(url).status, 400)

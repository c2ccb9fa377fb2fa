"""
Tests for `pomerium_tx.dashboard.api`: what programs ask for.
"""

from __future__ import annotations

from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from tests.doubles.channel import Asked, ask
from tests.logout.world import A, R, World, query_of

LOGIN = "/.pomerium/api/v1/login"
HERE = "http://localhost:8000/in?state=1"


class ProgrammaticLoginTests(SynchronousTestCase):
    """
    ``/.pomerium/api/v1/login``.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)

    def ask(self, target: str, method: str = "GET", **fields: str) -> Asked:
        return ask(self.world.routes, target, method=method, headers=list(fields.items()), origin=R)

    def assert_text(self, answer: Asked, status: int, text: str) -> None:
        self.assertEqual((answer.status, answer.text), (status, text))
        self.assertEqual(answer.header("content-type"), "text/plain; charset=utf-8")

    def test_link(self) -> None:
        """
        200, plain text without an end of line: a signed sign-in link with the program's own query in the callback.
        """
        query = urlencode({"pomerium_redirect_uri": HERE, "mine": "a b"})
        answer = self.ask(f"{LOGIN}?{query}")
        self.assert_text(answer, 200, answer.text.strip())
        self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertTrue(answer.text.startswith(A + "/.pomerium/sign_in?"))
        self.world.url_signer.verify(answer.text, self.world.clock.seconds() + 360)
        parameters = query_of(answer.text)
        self.assertEqual(parameters["pomerium_callback_uri"], f"{R}/.pomerium/callback/?{query}")
        self.assertEqual(parameters["pomerium_programmatic"], "true")
        self.assertEqual(parameters["pomerium_redirect_uri"], HERE)
        self.assertEqual(parameters["pomerium_idp_id"], self.world.provider.idp_id)

    def test_method(self) -> None:
        """
        Any method but GET: 405, before anything else is looked at.
        """
        for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            answer = self.ask(LOGIN, method)
            self.assertEqual((answer.status, answer.header("allow")), (405, "GET"), method)

    def test_parameter(self) -> None:
        """
        Absent: 404. Empty, relative, of another scheme, for another host, or given twice: 400.
        """
        self.assert_text(self.ask(LOGIN), 404, "Not Found\n")
        self.assert_text(self.ask(LOGIN + "?other=x"), 404, "Not Found\n")
        for wanted in ("", "/x", "localhost:8000", "ftp://localhost/", "https://evil.example/", R + "/"):
            with self.subTest(wanted=wanted):
                answer = self.ask(f"{LOGIN}?{urlencode({'pomerium_redirect_uri': wanted})}")
                self.assertEqual((answer.status, answer.header("content-type")), (400, "text/plain; charset=utf-8"))
        twice = urlencode([("pomerium_redirect_uri", HERE), ("pomerium_redirect_uri", HERE)])
        self.assertEqual(self.ask(f"{LOGIN}?{twice}").status, 400)

    def test_json(self) -> None:
        """
        A program that prefers JSON is told in JSON what is wrong.
        """
        answer = self.ask(LOGIN, Accept="application/json")
        self.assertEqual((answer.status, answer.header("content-type")), (404, "application/json"))

    def test_unknown(self) -> None:
        """
        Whatever else is below ``/.pomerium/api``: 404, plain text, by any method.
        """
        for path in ("", "/", "/v1", "/v1/", "/v2/login", "/v1/logins", "/v1/login/x"):
            for method in ("GET", "POST"):
                with self.subTest(path=path, method=method):
                    self.assert_text(self.ask("/.pomerium/api" + path, method), 404, "Not Found\n")

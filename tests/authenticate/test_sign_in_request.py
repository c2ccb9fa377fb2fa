"""
Tests for `pomerium_tx.authenticate.sign_in_request`: what a link to the sign-in may ask for.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.sign_in_request import SignInRequest, SignInRequests
from pomerium_tx.web.programmatic import ProgrammaticRedirects
from pomerium_tx.web.resource import HttpProblem, PageRequest
from tests.logout.world import R2, A, R, World

CALLBACK = R + "/.pomerium/callback/"
HERE = "http://localhost:8000/"


def read(*pairs: tuple[str, str]) -> SignInRequest:
    """
    What a request with these parameters asks for.
    """
    requests = SignInRequests(
        serves_origin=World.serves_origin,
        origin_of_host=lambda host: f"https://{host}" if World.serves_origin(f"https://{host}") else None,
        redirects=ProgrammaticRedirects(["localhost"]),
    )
    request = PageRequest(
        method="GET",
        path="/.pomerium/sign_in",
        origin=A,
        url=A + "/.pomerium/sign_in",
        raw_query=None,
        query=list(pairs),
        form_fields=[],
        client_address="192.0.2.1",
        request_id="",
        fields={},
    )
    return requests.read(request)


class SignInRequestTests(SynchronousTestCase):
    """
    Who wants to be where.
    """

    def test_person(self) -> None:
        """
        A person's sign-in leads to a route.
        """
        asked = read(("pomerium_redirect_uri", R + "/x"), ("pomerium_login", "d"), ("pomerium_idp_id", "op"))
        self.assertEqual((asked.wanted, asked.origin, asked.login, asked.idp_id), (R + "/x", R, "d", "op"))
        self.assertEqual((asked.program, asked.unvisited, asked.others), (None, (), ()))

    def test_without_login(self) -> None:
        """
        An older link without the digest still asks for no visit: the route host begins anew.
        """
        self.assertEqual(read(("pomerium_redirect_uri", R + "/x")).unvisited, ())

    def test_further_hosts(self) -> None:
        """
        Further hosts are those of routes, each once, and not the one that is signed in anyway; first they are visited.
        """
        pairs = [
            ("pomerium_redirect_uri", R + "/x"),
            ("pomerium_login", "d"),
            ("pomerium_additional_hosts", "chat.example.com,,evil.example,chat.example.com,app.example.com"),
        ]
        self.assertEqual((read(*pairs).further, read(*pairs).unvisited), ((R2,), (R2,)))
        visited = read(*pairs, ("pomerium_additional_logins", "e"))
        self.assertEqual((visited.unvisited, visited.others), ((), ((R2, "e"),)))

    def test_program(self) -> None:
        """
        A program's leads to its own address by way of a route's callback.
        """
        pairs = [
            ("pomerium_redirect_uri", HERE),
            ("pomerium_programmatic", "true"),
            ("pomerium_callback_uri", CALLBACK + "?a=1&b=%20"),
        ]
        asked = read(*pairs)
        self.assertEqual((asked.program, asked.origin, asked.unvisited), ("http://localhost:8000", R, (R,)))
        self.assertEqual(list(asked.own_query), [("a", "1"), ("b", " ")])
        self.assertEqual(read(*pairs, ("pomerium_login", "d")).unvisited, ())

    def test_refused(self) -> None:
        """
        Whatever leads to nobody that is known here: 400, although we signed it once.
        """
        program = ("pomerium_programmatic", "true")
        for pairs in (
            [],
            [("pomerium_redirect_uri", "https://evil.example/")],
            [("pomerium_redirect_uri", HERE)],
            [("pomerium_redirect_uri", HERE), program],
            [("pomerium_redirect_uri", HERE), program, ("pomerium_callback_uri", "https://evil.example/x")],
            [("pomerium_redirect_uri", HERE), program, ("pomerium_callback_uri", R + "/elsewhere?x")],
            [("pomerium_redirect_uri", HERE), program, ("pomerium_callback_uri", A + "/.pomerium/callback/")],
            [("pomerium_redirect_uri", "https://evil.example/"), program, ("pomerium_callback_uri", CALLBACK)],
            [("pomerium_redirect_uri", R + "/"), program, ("pomerium_callback_uri", CALLBACK)],
            [("pomerium_redirect_uri", HERE), ("pomerium_redirect_uri", HERE), program],
        ):
            with self.subTest(pairs=pairs):
                self.assertEqual(self.assertRaises(HttpProblem, read, *pairs).status, 400)

"""
Everything that is signed or sealed counts where it is for, and nowhere else.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from pomerium_tx import paths
from pomerium_tx.oidc.logout_token import EVENT
from tests.scenarios.browser import Browser, Response
from tests.scenarios.program import Program
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, AUTHENTICATE, CHAT, CONFIG, DENIED, OP

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _routes() -> list[dict[str, Any]]:
    """
    One route for access tokens, one for ID Tokens, and one for neither.
    """
    app, chat, public, denied = CONFIG["routes"]
    by_id_token = {**denied, "allow_any_authenticated_user": True, "bearer_token_format": "idp_identity_token"}
    del by_id_token["allowed_users"]
    return [app, {**chat, "bearer_token_format": "idp_access_token"}, public, by_id_token]


class TokenPurposeTests(TrafficTestCase):
    """
    Each kind of token at every door.
    """

    settings = {"routes": _routes()}

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.both()
        self.tokens = self.collected()
        self.sign_in(self.browser(), person="bob")

    def collected(self) -> dict[str, str]:
        """
        One of each kind, all of them good.
        """
        [session] = self.house.registry.sessions()
        well_known = self.alice.get(AUTHENTICATE + "/.well-known/pomerium")
        handover = self.handover(self.alice)
        begun = self.browser()
        to_op = begun.get(AUTHENTICATE + paths.DASHBOARD, follow=False).get("Location") or ""
        self.app.take()
        self.alice.get(APP + "/")
        [assertion] = [
            line.partition(b": ")[2].decode()
            for line in self.app.take().split(b"\r\n")
            if line.lower().startswith(b"x-pomerium-jwt-assertion")
        ]
        held = self.both()
        self.sign_out(held, follow=True)
        signed_out = self.both()
        ended = self.handle_of(signed_out, APP)
        self.sign_out(signed_out)
        found = {
            "handle of a route": self.handle_of(self.alice, APP),
            "handle of the authenticate host": self.cookie("authenticate.example.com", "_pomerium_authenticate"),
            "login cookie": self.cookie("app.example.com", "_pomerium_login"),
            "CSRF secret": self.cookie("authenticate.example.com", "_pomerium_csrf"),
            "CSRF token": well_known.get("X-CSRF-Token") or "",
            "hold": held.cookie("authenticate.example.com", "_pomerium_hold") or "",
            "state": parse_qs(urlsplit(to_op).query)["state"][0],
            "nonce": parse_qs(urlsplit(to_op).query)["nonce"][0],
            "handover": parse_qs(urlsplit(handover).query)["pomerium_session_encrypted"][0],
            "signature of a URL": parse_qs(urlsplit(handover).query)["pomerium_signature"][0],
            "assertion": assertion,
            "ID Token": session.tokens.id_token,
            "access token": session.tokens.access_token,
            "refresh token": session.tokens.refresh_token or "",
            "logout token": self.logout_token(session.sub),
            "client secret": CONFIG["idp_client_secret"],
            "handle of an ended session": ended,
        }
        self.assertEqual([name for name, token in found.items() if not token], [])
        return found

    def cookie(self, host: str, name: str) -> str:
        return self.alice.cookie(host, name) or ""

    def logout_token(self, sub: str) -> str:
        now = int(self.clock.seconds())
        claims = {
            "iss": OP,
            "aud": "rp1",
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_hex(8),
            "events": {EVENT: {}},
            "sub": "somebody-who-was-never-here-" + sub,
        }
        return self.provider.sign(claims, "logout+jwt")

    def handover(self, browser: Browser) -> str:
        """
        The URL by which a route host gets a session.
        """
        browser.jar.pop(("chat.example.com", "_pomerium", "/"))
        url = CHAT + "/"
        while paths.ROUTE_CALLBACK not in url:
            url = browser.get(url, follow=False).get("Location") or ""
        browser.get(url)
        return url

    # -- doors ---------------------------------------------------------------------------------------------------------

    def doors(self) -> dict[str, tuple[Any, set[str]]]:
        """
        Where a token may be presented, how, and which kinds count there.

        Whether one has counted, each door says in its own way.
        """
        handles = {"handle of a route", "handle of the authenticate host"}

        def gets_in(origin: str, **fields: str) -> Any:
            return lambda token: self.asks(origin + "/", **{k: v.format(token) for k, v in fields.items()}) == 200

        return {
            "cookie of a route": (gets_in(APP, Cookie="_pomerium={}"), handles),
            "Authorization": (gets_in(APP, Authorization="Pomerium {}"), handles),
            "Bearer Pomerium-": (gets_in(APP, Authorization="Bearer Pomerium-{}"), handles),
            "X-Pomerium-Authorization": (gets_in(APP, X_Pomerium_Authorization="{}"), handles),
            "query": (lambda token: self.asks(f"{APP}/?pomerium_session={quote(token)}") == 200, handles),
            "bearer where none counts": (gets_in(APP, Authorization="Bearer {}"), set()),
            "bearer, access tokens": (gets_in(CHAT, Authorization="Bearer {}"), {"access token"}),
            "bearer, ID Tokens": (gets_in(DENIED, Authorization="Bearer {}"), {"ID Token"}),
            "cookie of the authenticate host": (self.shows_sessions, {"handle of the authenticate host"}),
            "logout token": (self.ends_something, {"logout token"}),
            "CSRF token": (self.signs_out, {"CSRF token"}),
            "state": (lambda token: self.callback(token) != 400, {"state"}),
            "handover": (self.hands_over, set()),
        }

    def asks(self, url: str, **fields: str) -> int:
        """
        The status of somebody who has nothing else.
        """
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return self.browser().once("GET", url, {"Accept": "application/json", **named}).status

    def shows_sessions(self, token: str) -> bool:
        answer = self.browser().once(
            "GET", AUTHENTICATE + paths.DASHBOARD, {"Cookie": f"_pomerium_authenticate={token}"}
        )
        return answer.status == 200 and "alice" in answer.text

    def ends_something(self, token: str) -> bool:
        content = urlencode({"logout_token": token}).encode()
        return self.browser().once("POST", AUTHENTICATE + paths.BACKCHANNEL_LOGOUT, FORM, content).status == 200

    def signs_out(self, token: str) -> bool:
        """
        Whether it passes for a CSRF token, of which each browser has its own.
        """
        browser = self.both("bob")
        if token == self.tokens["CSRF token"]:
            token = browser.get(AUTHENTICATE + "/.well-known/pomerium").get("X-CSRF-Token") or ""
        answer = browser.fetch(AUTHENTICATE + paths.SIGN_OUT, "POST", X_CSRF_Token=token, Accept="application/json")
        return answer.status == 200

    def callback(self, token: str) -> int:
        query = urlencode({"code": "x", "state": token, "iss": OP})
        return self.browser().once("GET", f"{AUTHENTICATE}{paths.PROVIDER_CALLBACK}?{query}").status

    def hands_over(self, token: str) -> bool:
        query = urlencode({"pomerium_redirect_uri": APP + "/", "pomerium_session_encrypted": token})
        answer = self.browser().once("GET", f"{APP}{paths.ROUTE_CALLBACK}?{query}")
        return bool(answer.get_all("Set-Cookie"))

    # -- the matrix ----------------------------------------------------------------------------------------------------

    def test_everywhere(self) -> None:
        """
        A handle lets in, an access token and an ID Token where the route takes them, a logout token signs out, a CSRF
        token proves a click: each of them counts for that, and at every other door for nothing. A `state` is worth
        nothing without its browser.
        """
        live = {session.id for session in self.house.registry.sessions()}
        for door, (counts, kinds) in self.doors().items():
            for kind, token in self.tokens.items():
                with self.subTest(door=door, kind=kind):
                    expected = kind in kinds and door != "state"
                    self.assertIs(bool(counts(token)), expected)
        self.assertLessEqual(live, {session.id for session in self.house.registry.sessions()}, "a session has ended")


class SignedUrlTests(TrafficTestCase):
    """
    URLs that we sign.
    """

    def signed(self) -> list[str]:
        """
        One of each kind, not used up.
        """
        alice = self.both()
        found = [Program(self).link()]
        browser = self.browser()
        found.append(browser.get(APP + "/", follow=False).get("Location") or "")
        alice.jar.pop(("chat.example.com", "_pomerium", "/"))
        url = CHAT + "/"
        while paths.ROUTE_CALLBACK not in url:
            url = alice.get(url, follow=False).get("Location") or ""
        found.append(url)
        found.append(self.sign_out(self.both()).get("Location") or "")
        for url in found:
            self.assertIn("pomerium_signature=", url)
        return found

    def test_everywhere(self) -> None:
        """
        Without its signature, with a character changed, or taken to another page or host, each is refused or as if it
        said nothing: no session begins, none ends, and no cookie of a session is given.
        """
        places = [
            origin + path
            for origin in (APP, CHAT, AUTHENTICATE)
            for path in (
                paths.SIGN_IN,
                paths.SIGN_OUT,
                paths.SIGNED_OUT,
                paths.ROUTE_CALLBACK,
                paths.ROUTE_VISIT,
                paths.CLEAR_CACHE,
                paths.PROVIDER_CALLBACK,
                paths.DASHBOARD,
                "/.pomerium/api/v1/login",
            )
        ]
        signed = self.signed()
        live = {session.id for session in self.house.registry.sessions()}
        for url in signed:
            parts = urlsplit(url)
            here = f"{parts.scheme}://{parts.netloc}{parts.path}"
            unsigned = "&".join(pair for pair in parts.query.split("&") if not pair.startswith("pomerium_signature="))
            tampered = parts.query.replace("pomerium_signature=", "pomerium_signature=A", 1)
            longer = parts.query.replace("pomerium_expiry=", "pomerium_expiry=9", 1)
            for query in (unsigned, tampered, longer, parts.query + "&x=y"):
                self.check(f"{here}?{query}", refused=parts.path != paths.SIGN_OUT)
            for place in places:
                if place != here:
                    self.check(f"{place}?{parts.query}", refused=False)
        self.assertEqual({session.id for session in self.house.registry.sessions()}, live)

    def check(self, url: str, *, refused: bool) -> Response:
        """
        Nothing has come of it.
        """
        with self.subTest(url=url[:90]):
            answer = self.browser().once("GET", url, {"Sec-Fetch-Site": "cross-site", "Accept": "text/html"})
            if refused:
                self.assertEqual(answer.status, 400)
            for cookie in answer.get_all("Set-Cookie"):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.assertFalse(value and name in ("_pomerium", "_pomerium_authenticate"), cookie)
            location = urlsplit(answer.get("Location") or "")
            self.assertNotIn("pomerium_session_encrypted", parse_qs(location.query))
            self.assertNotIn("end-session", location.path)
        return answer

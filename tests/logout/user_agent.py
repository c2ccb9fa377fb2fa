"""
A browser over memory, and the person who sits before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from pomerium_tx.demo.authorization import InteractionRequired, read_request
from pomerium_tx.demo.end_session import read_logout
from pomerium_tx.demo.ledger import OPSession
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.sessions.session import Session
from tests.doubles.channel import Asked, ask
from tests.logout.world import FROM_OWN_PAGE, NAVIGATION, A, R, World


class UserAgent:
    """
    A browser: cookies by host, and a person at the OP.
    """

    def __init__(self, world: World, person: str = "alice") -> None:
        self.world = world
        self.person = person
        self.jar: dict[str, dict[tuple[str, str], str]] = {}
        self.at_op: dict[str, OPSession] = {}
        self.questions = 0
        """
        How often the OP has asked who is there.
        """

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Asked:
        """
        Navigate to a URL, or ask for it as *headers* say.
        """
        return self._ask("GET", url, headers, None)

    def post(self, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Asked:
        """
        Send a form of the same origin.
        """
        return self._ask("POST", url, FROM_OWN_PAGE if headers is None else headers, form or {})

    def _ask(self, method: str, url: str, headers: Mapping[str, str] | None, form: Mapping[str, str] | None) -> Asked:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        target = url[len(origin) :] or "/"
        fields = list((NAVIGATION if headers is None else headers).items())
        cookies = self.cookies(url)
        if cookies:
            fields.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies)))
        root = self.world.authenticate if origin == A else self.world.routes
        asked = ask(root, target, method=method, headers=fields, form=form, origin=origin)
        if asked.is_done:
            self.keep(asked, parts.netloc)
        return asked

    def cookies(self, url: str) -> list[tuple[str, str]]:
        """
        What is sent to a URL.
        """
        parts = urlsplit(url)
        jar = self.jar.get(parts.netloc, {})
        return [(name, value) for (name, path), value in jar.items() if (parts.path or "/").startswith(path)]

    def cookie(self, origin: str, name: str) -> str | None:
        """
        A cookie's value.
        """
        jar = self.jar.get(urlsplit(origin).netloc, {})
        return next((value for (key, _), value in jar.items() if key == name), None)

    def keep(self, asked: Asked, host: str) -> None:
        """
        Take an answer's cookies.
        """
        jar = self.jar.setdefault(host, {})
        for field in asked.headers("set-cookie"):
            pair, *attributes = field.split("; ")
            name, _, value = pair.partition("=")
            path = next((a.partition("=")[2] for a in attributes if a.startswith("Path=")), "/")
            jar.pop((name, path), None)
            if "Max-Age=0" not in attributes:
                jar[name, path] = value

    def at_provider(self, location: str) -> str:
        """
        Where the OP sends the person, once they have said who they are if it asks.
        """
        op = self._op(location)
        current = self.at_op.get(op.issuer)
        request = read_request(urlsplit(location).query, op.clients)
        try:
            return op.respond(request, current)
        except InteractionRequired:
            self.questions += 1
            current = self.at_op[op.issuer] = op.choose(request, self.person, current)
            return op.code_location(request, current)

    def sign_out_at_provider(self, location: str) -> str | None:
        """
        Where the OP sends the person after its own sign-out.
        """
        op = self._op(location)
        request = read_logout(urlsplit(location).query, op)
        session = self.at_op.pop(op.issuer)
        assert request.is_about(session)
        op.end_session(session.sid)
        return request.location()

    def _op(self, location: str) -> DevelopmentProvider:
        issuer = "{0.scheme}://{0.netloc}".format(urlsplit(location))
        return next(op for op in (self.world.op, getattr(self.world, "op2", None)) if op and op.issuer == issuer)

    def follow(self, asked: Asked) -> Asked:
        """
        Follow redirects, by way of the OP's sign-in, until a page, or the application itself.
        """
        for _ in range(12):
            location = asked.header("location")
            if location is None or asked.status not in (301, 302, 303):
                return asked
            parts = urlsplit(location)
            if f"{parts.scheme}://{parts.netloc}" in (self.world.op.issuer, "https://op2.example.com"):
                location = self.at_provider(location)
            elif not parts.path.startswith(("/.pomerium", "/oauth2")):
                return asked
            asked = self.get(location)
        raise AssertionError("The redirects do not end.")

    def open(self, url: str, idp_id: str | None = None) -> Asked:
        """
        Ask for a page that needs a session, as the proxy would answer who has none.
        """
        host = urlsplit(url).netloc
        cookie_headers = ["; ".join(f"{name}={value}" for name, value in self.cookies(url)).encode()]
        location, set_cookie = self.world.login.begin(
            url, cookie_headers, idp_id or self.world.provider.idp_id, self.world.clock.seconds()
        )
        pair = set_cookie.split("; ")[0].partition("=")
        self.jar.setdefault(host, {})[pair[0], "/"] = pair[2]
        return self.get(location)

    def sign_in(self, url: str = R + "/", idp_id: str | None = None) -> Session:
        """
        Sign in, to the end.
        """
        landed = self.follow(self.open(url, idp_id))
        assert landed.header("location") == url, (landed.status, landed.text)
        session = self.session(url)
        assert session is not None
        return session

    def session(self, url: str = R) -> Session | None:
        """
        The live session that the cookie of a host names.
        """
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        name = "_pomerium_authenticate" if origin == A else "_pomerium"
        value = self.cookie(origin, name)
        handle = None if value is None else self.world.handles.open(value.encode())
        return None if handle is None else self.world.registry.find(handle.session_id)

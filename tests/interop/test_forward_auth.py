"""
nginx and Caddy in front: they carry every request, and ask about each.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import ClassVar

from tests.interop import fronts
from tests.interop.case import SharingCase
from tests.interop.deployment import DeploymentCase, Site
from tests.interop.parties import claims_of
from tests.interop.processes import Program, eventually, free_ports
from tests.interop.upstream import Received, RecordingUpstream
from tests.interop.wire import Response, fetch

FORGED = {
    "X-Pomerium-Jwt-Assertion": "forged",
    "X-Auth-Request-Email": "admin@example.com",
    "X-Auth-Request-User": "admin",
    "X-Auth-Request-Groups": "admins",
}
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
SCRIPT = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}


class ForwardAuthCase(DeploymentCase, SharingCase):
    """
    Three applications behind one of them.
    """

    front: ClassVar[Callable[..., Program]]

    def start(self) -> None:
        """
        Everything is running, and everything but the proxy is reached by way of its front.
        """
        port, ours = free_ports(2)
        names = ("app", "chat", "public", "authenticate")
        self.site = Site(**{name: f"http://{name}.localhost:{port}" for name in names})
        self.deploy_at(
            ours, insecure_server=True, authenticate_address=f"127.0.0.1:{ours}", trusted_proxies=["127.0.0.1"]
        )
        applications = {"app": self.app.url, "chat": self.chat.url, "public": self.public.url}
        type(self).front(self, port=port, proxy=ours, applications=applications).wait_for_ports(port)
        self.somebody = self.person()
        self.page = self.somebody.tab()

    def setUp(self) -> None:
        """
        Nothing has reached the applications so far.
        """
        super().setUp()
        for application in (self.app, self.chat, self.public):
            application.forget()

    def let_in(self) -> str:
        """
        Somebody is signed in; the Cookie that their browser sends.
        """
        if "_pomerium=" not in self.somebody.cookies(self.site.app):
            self.sign_in(self.page, f"{self.site.app}/")
            self.app.forget()
        return self.somebody.cookies(self.site.app)

    def reached(self, application: RecordingUpstream) -> Received:
        """
        The one request that has reached it.
        """
        [received] = application.received
        return received

    def ask_from(self, address: str, path: str, **fields: str) -> Response:
        """
        What our own listener answers to who connects from *address*.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(address, 0))
        try:
            named = {name.replace("_", "-"): value for name, value in fields.items()}
            connection.request("GET", path, headers={"X-Forwarded-For": "127.0.0.1", **named})
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


class _Tests(ForwardAuthCase):
    """
    What is true of both.
    """

    def test_sign_in(self) -> None:
        """
        Somebody comes to the page that they asked for, by way of the sign-in, and the application knows who they are.
        """
        page = self.person().tab()
        self.sign_in(page, f"{self.site.app}/page?x=1")
        received = self.reached(self.app)
        self.assertEqual(received.target, "/page?x=1")
        claims = claims_of(received.headers["X-Pomerium-Jwt-Assertion"])
        self.assertEqual((claims["aud"], claims["email"]), ("app.localhost", received.headers["X-Auth-Request-Email"]))
        self.assertTrue(claims["email"].endswith("@example.com"), claims)
        page.goto(f"{self.site.chat}/")
        self.assertEqual(page.url, f"{self.site.chat}/")
        handle = next(each["value"] for each in page.context.cookies() if each["name"] == "_pomerium")
        self.assertNotIn(handle, "".join(received.headers.get_all("Cookie", [])))

    def test_forged_identity(self) -> None:
        """
        What a client says of itself reaches no application, of those who are known and of those who are not.
        """
        cookie = self.let_in()
        self.assertEqual(fetch(f"{self.site.app}/", headers={**FORGED, "Cookie": f"a=b; {cookie}; c=d"}).status, 200)
        headers = self.reached(self.app).headers
        for name, forged in FORGED.items():
            self.assertNotIn(forged, headers.get_all(name, []))
        self.assertTrue(headers["X-Auth-Request-Email"].endswith("@example.com"))
        handle = cookie.partition("_pomerium=")[2].partition(";")[0]
        self.assertEqual([name for name in ("a=b", "c=d", handle) if name in headers["Cookie"]], ["a=b", "c=d"])
        self.assertEqual(fetch(f"{self.site.public}/", headers=FORGED).status, 200)
        headers = self.reached(self.public).headers
        for name in ("X-Auth-Request-Email", "X-Auth-Request-User", "X-Auth-Request-Groups"):
            self.assertEqual("".join(headers.get_all(name, [])), "")
        for assertion in headers.get_all("X-Pomerium-Jwt-Assertion", []):
            self.assertEqual(claims_of(assertion)["email"], "")

    def test_forged_questions(self) -> None:
        """
        What a client says of its request changes nothing about what is decided.
        """
        public = self.site.public.removeprefix("http://")
        for fields in (
            {"X-Original-URL": f"{self.site.public}/", "X-Original-Method": "GET"},
            {"X-Forwarded-Host": public, "X-Forwarded-Uri": "/", "X-Forwarded-Method": "OPTIONS"},
            {"X-Forwarded-For": "198.51.100.66", "Forwarded": f"host={public}"},
            {"Connection": "X-Original-URL, X-Forwarded-Host, X-Forwarded-Uri, X-Forwarded-For"},
        ):
            with self.subTest(fields):
                answer = fetch(f"{self.site.app}/secret", headers={**fields, **SCRIPT})
                self.assertIn(answer.status, (400, 401, 403))
        self.assertEqual(self.app.received, [])
        self.hear_the_proxy()
        asked = self.proxy.program.events(service="authorize", **{"forward-auth": True, "path": "/secret"})
        self.assertEqual({line["ip"] for line in asked}, {"127.0.0.1"})

    def test_one_request(self) -> None:
        """
        A request that means one thing to the front and another to us is let through by nobody.
        """
        app, public = (site.removeprefix("http://") for site in (self.site.app, self.site.public))
        for target, host in (
            (f"http://{app}/secret", public),
            ("/public/..%2fsecret", app),
            ("//secret", app),
            ("/.pomerium/../secret", app),
            ("/%2e%70omerium/..;/secret", app),
        ):
            with self.subTest(target, host=host):
                wire = self.wire(self.site.app)
                wire.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                wire.read_until(b"HTTP/1.1 ")
                wire.read_to_the_end()
        self.assertEqual(self.app.received, [])

    def test_programs(self) -> None:
        """
        Scripts and programs get 401 and no page to go to.
        """
        for fields in (SCRIPT, {"Accept": "application/json"}):
            answer = fetch(f"{self.site.app}/", headers=fields)
            self.assertEqual((answer.status, answer.location), (401, ""))
        self.assertEqual(self.app.received, [])

    def test_websocket(self) -> None:
        """
        A WebSocket opens for who may open it, and from pages of its own origin.
        """
        cookie = self.let_in()
        for fields, status in (
            ({"Cookie": cookie, "Origin": self.site.app}, b"101"),
            ({"Cookie": cookie, "Origin": "https://evil.example"}, b"403"),
            ({"Origin": self.site.app}, b"401"),
        ):
            with self.subTest(status):
                lines = "".join(f"{name}: {value}\r\n" for name, value in {**HANDSHAKE, **fields}.items())
                wire = self.wire(self.site.app)
                wire.send(f"GET /socket HTTP/1.1\r\nHost: {wire.host}\r\n{lines}\r\n".encode())
                wire.read_until(b"HTTP/1.1 " + status)
                wire.close()

    def test_sign_out(self) -> None:
        """
        After a sign-out in one application, the next request for any of them is refused; what is open stays open.
        """
        cookie = self.let_in()
        self.page.goto(f"{self.site.chat}/")
        chat = self.somebody.cookies(self.site.chat)
        open_stream = self.wire(self.site.chat)
        open_stream.request("/events", cookie=chat, fields="Accept: text/event-stream\r\n")
        open_stream.read_until(b"data: tick")
        for url, sent in ((self.site.app, cookie), (self.site.chat, chat)):
            self.assertEqual(fetch(f"{url}/", headers={"Cookie": sent}).status, 200)
        self.page.goto(f"{self.site.app}/.pomerium/sign_out")
        receipt = self.the_receipt()
        self.assertEqual((receipt["sessions_ended"], sum(receipt["exchanges_cut"].values())), (1, 0))
        self.app.forget()
        self.chat.forget()
        for url, sent in ((self.site.app, cookie), (self.site.chat, chat)):
            answer = fetch(f"{url}/", headers={"Cookie": sent})
            self.assertEqual(answer.status, 302)
            self.assertTrue(answer.location.startswith(f"{self.site.authenticate}/.pomerium/sign_in?"), answer.location)
            self.assertEqual(fetch(f"{url}/", headers={"Cookie": sent, **SCRIPT}).status, 401)
        self.assertEqual((self.app.received, self.chat.received), ([], []))
        open_stream.received = b""
        open_stream.read_until(b"data: tick")
        self.somebody.context.clear_cookies()

    def test_stranger(self) -> None:
        """
        Who is no trusted proxy may not ask, and the log says which address to list if it is one.
        """
        for path in ("/.pomerium/verify", "/.pomerium/auth"):
            self.assertEqual(self.ask_from("127.0.0.2", path).status, 403)
            self.assertEqual(
                self.ask_from("127.0.0.1", path, X_Forwarded_Method="GET").status, 400 + 3 * ("auth" in path)
            )
        eventually("it is in the log", lambda: self.proxy.program.events(address="127.0.0.2"))


class NginxTests(_Tests):
    """
    ``etc/forward-auth/nginx.conf``.
    """

    front = staticmethod(fronts.nginx)

    def start(self) -> None:
        """
        Everything is running.
        """
        super().start()


class CaddyTests(_Tests):
    """
    ``etc/forward-auth/Caddyfile``.
    """

    front = staticmethod(fronts.caddy)

    def start(self) -> None:
        """
        Everything is running.
        """
        super().start()


del _Tests, ForwardAuthCase, DeploymentCase

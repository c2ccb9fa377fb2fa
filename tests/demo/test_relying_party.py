"""
Tests for `pomerium_tx.demo.relying_party`.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from treq.testing import StubTreq
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.messages import Fault
from pomerium_tx.demo.provider import DevelopmentProvider
from pomerium_tx.demo.provider_site import provider_resource
from pomerium_tx.demo.registration import ALICE
from pomerium_tx.demo.relying_party import RelyingParty, registration
from pomerium_tx.http11.heads import ResponseHead
from pomerium_tx.jose.signer import derived_signer
from tests.demo.support import ISSUER, Browser
from tests.demo.wire import Wire, responses

ORIGIN = "http://other.localhost:8005"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Visitor:
    """
    A browser at the second relying party and at the OP.
    """

    def __init__(self, case: RelyingPartyCase) -> None:
        self.op = Browser(case, case.provider)
        self.cookies: dict[str, str] = {}
        self._case = case

    def send(self, method: str, target: str, content: str = "", **fields: str) -> tuple[ResponseHead, bytes]:
        """
        The answer of the relying party.
        """
        sent = {"Host": "other.localhost:8005", **{name.replace("_", "-"): value for name, value in fields.items()}}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            sent = {**FORM, **sent, "Content-Length": str(len(content))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        wire = Wire(self._case.relying_party)
        answer = wire.send(f"{method} {target} HTTP/1.1\r\n{lines}\r\n{content}".encode())
        self._case.http.flush()
        [(head, body)] = responses(answer + wire.received(), method.encode())
        for value in head.get_all(b"set-cookie"):
            pair, _, attributes = value.decode().partition(";")
            name, _, held = pair.partition("=")
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = held
        return head, body

    def get(self, target: str) -> str:
        """
        A page.
        """
        return self.send("GET", target)[1].decode()

    def location(self, method: str, target: str) -> str:
        """
        Where the relying party sends the browser.
        """
        head, _ = self.send(method, target)
        self._case.assertEqual(head.status, 303)
        return (head.get(b"location") or b"").decode()

    def sign_in(self, person: str = "alice") -> None:
        """
        The whole way.
        """
        url = self.location("POST", "/sign-in")
        seen = self.op.get(url)
        if seen.status == 200:
            form = {"request": seen.hidden("request"), "username": person}
            seen = self.op.post(f"{ISSUER}/sign-in", form)
        self._case.assertEqual(self.location("GET", seen.headers["location"].removeprefix(ORIGIN)), "/")

    def sid(self) -> str:
        """
        The session at the OP.
        """
        session = self._case.relying_party.sessions.find(self.cookies["other_session"])
        assert session is not None
        assert session.sid is not None
        return session.sid


class RelyingPartyCase(SynchronousTestCase):
    """
    The second relying party and the OP, which tells it of ends.
    """

    def setUp(self) -> None:
        """
        Nobody is signed in anywhere.
        """
        self.clock = Clock()
        self.clock.advance(36_000)
        client = registration(ORIGIN, "other", "the secret")
        self.provider = DevelopmentProvider(
            issuer=ISSUER, clients=[client], clock=self.clock, signer=derived_signer(b"op"), post=self.tell
        )
        self.http = StubTreq(provider_resource(self.provider))
        self.relying_party = RelyingParty(origin=ORIGIN, issuer=ISSUER, client=client, http=self.http, clock=self.clock)
        self.visitor = Visitor(self)

    async def tell(self, uri: str, logout_token: str) -> int:
        """
        The OP's way to the relying party.
        """
        content = urlencode({"logout_token": logout_token})
        head, _ = Visitor(self).send("POST", uri.removeprefix(ORIGIN), content)
        return head.status


class SignInTests(RelyingPartyCase):
    """
    Signing in.
    """

    def test_signed_in(self) -> None:
        """
        Who comes back from the OP is here under their name, and only in that browser.
        """
        self.assertIn("Nobody is signed in here.", self.visitor.get("/"))
        self.visitor.sign_in()
        self.assertIn("Signed in as Alice Liddell.", self.visitor.get("/"))
        self.assertIn("Nobody is signed in here.", Visitor(self).get("/"))

    def test_request(self) -> None:
        """
        The Authentication Request has a state, a nonce and a challenge, new each time.
        """
        one, other = (parse_qs(urlsplit(self.visitor.location("POST", "/sign-in")).query) for _ in range(2))
        for name in ("state", "nonce", "code_challenge"):
            self.assertNotEqual(one[name], other[name])
        self.assertEqual(one["code_challenge_method"], ["S256"])

    def test_new_handle(self) -> None:
        """
        Every sign-in has a new cookie, and the old one is worth nothing.
        """
        self.visitor.sign_in()
        old = dict(self.visitor.cookies)
        self.visitor.sign_in()
        self.assertNotEqual(self.visitor.cookies, old)
        self.visitor.cookies = old
        self.assertIn("Nobody is signed in here.", self.visitor.get("/"))

    def test_refused(self) -> None:
        """
        A response that this browser has not asked for, or that comes twice, or that is an error, signs nobody in.
        """
        url = self.visitor.location("POST", "/sign-in")
        seen = self.visitor.op.sign_in("alice", url)
        target = seen.headers["location"].removeprefix(ORIGIN)
        stranger = Visitor(self)
        iss = urlencode({"iss": ISSUER})
        for visitor, used in (
            (stranger, target),
            (self.visitor, target),
            (self.visitor, f"/callback?state=x&code=y&{iss}"),
            (self.visitor, f"/callback?state=x&error=access_denied&{iss}"),
            (self.visitor, "/callback"),
        ):
            with self.subTest(used=used.partition("?")[0]):
                head, body = visitor.send("GET", used)
                self.assertEqual(head.status, 400)
                self.assertIn(b"You are not signed in: ", body)
                self.assertNotIn("other_session", visitor.cookies)

    def test_provider_fails(self) -> None:
        """
        Whatever the OP does wrong, nobody is signed in and the person sees why.
        """
        table = [
            ("token", {"faults": Fault(status=500)}),
            ("token", {"faults": Fault(status=400, body=b'{"error": "x"}', content_type="application/json")}),
            ("userinfo", {"faults": Fault(status=401)}),
            ("userinfo", {"alterations": lambda document: document | {"sub": "x"}}),
            ("id_token", {"alterations": lambda claims: claims | {"nonce": "x"}}),
        ]
        for name, ways in table:
            with self.subTest(name=name, ways=list(ways)):
                [(kind, way)] = ways.items()
                getattr(self.provider, kind)[name] = way
                visitor = Visitor(self)
                seen = visitor.op.sign_in("alice", visitor.location("POST", "/sign-in"))
                head, body = visitor.send("GET", seen.headers["location"].removeprefix(ORIGIN))
                self.assertEqual(head.status, 400)
                self.assertIn(b"You are not signed in: ", body)
                getattr(self.provider, kind).clear()

    def test_no_provider(self) -> None:
        """
        Without an OP nobody can begin to sign in.
        """
        self.provider.faults["discovery"] = Fault()
        head, body = self.visitor.send("POST", "/sign-in")
        self.assertEqual(head.status, 400)
        self.assertIn(b"You are not signed in", body)

    def test_bounded(self) -> None:
        """
        Who begins to sign in a thousand times has filled nothing.
        """
        for _ in range(1005):
            self.visitor.location("POST", "/sign-in")
        self.assertEqual(len(self.relying_party._logins), 1000)


class SignOutTests(RelyingPartyCase):
    """
    Its own sign-out.
    """

    def test_signed_out(self) -> None:
        """
        The person is out at once, is sent to the OP with a hint, and the OP tells everybody, this one too.
        """
        self.visitor.sign_in()
        url = self.visitor.location("POST", "/sign-out")
        self.assertIn("signed out here at 10:00:00 UTC.", self.visitor.get("/"))
        seen = self.visitor.op.get(url)
        self.assertEqual(seen.status, 200)
        self.assertIn(f"url={ORIGIN}/signed-out?state=", seen.text)
        self.assertEqual([record.status for record in self.provider.logouts], [None, 200])
        self.assertEqual(self.visitor.location("GET", "/signed-out?state=x"), "/")
        self.assertIn("confirmed by the provider (back channel)", self.visitor.get("/"))

    def test_twice(self) -> None:
        """
        Who is out already, or never was in, goes nowhere.
        """
        self.assertEqual(self.visitor.location("POST", "/sign-out"), "/")
        self.visitor.sign_in()
        self.visitor.location("POST", "/sign-out")
        self.assertEqual(self.visitor.location("POST", "/sign-out"), "/")

    def test_other_pages_cannot(self) -> None:
        """
        A page of somebody else's can press neither button.
        """
        self.visitor.sign_in()
        for target in ("/sign-out", "/sign-in"):
            with self.subTest(target=target):
                head, _ = self.visitor.send("POST", target, Sec_Fetch_Site="cross-site")
                self.assertEqual(head.status, 403)
        self.assertIn("Signed in as", self.visitor.get("/"))


class ToldTests(RelyingPartyCase):
    """
    The OP tells it that a session is over.
    """

    def setUp(self) -> None:
        """
        Alice is signed in in two browsers.
        """
        super().setUp()
        self.visitor.sign_in()
        self.elsewhere = Visitor(self)
        self.elsewhere.sign_in()

    def test_back_channel(self) -> None:
        """
        The end at the OP ends the session here, and the page says how; the other browser's stays.
        """
        self.provider.end_session(self.visitor.sid())
        page = self.visitor.get("/")
        self.assertIn("Alice Liddell was signed out by the provider at 10:00:00 UTC (back channel).", page)
        self.assertIn("Signed in as", self.elsewhere.get("/"))

    def test_everywhere(self) -> None:
        """
        A token without ``sid`` is about all sessions of that person.
        """
        content = urlencode({"logout_token": self.provider.logout_token("other", sub=ALICE.sub)})
        self.assertEqual(Visitor(self).send("POST", "/backchannel-logout", content)[0].status, 200)
        for visitor in (self.visitor, self.elsewhere):
            self.assertIn("was signed out", visitor.get("/"))

    def test_replayed(self) -> None:
        """
        A token works once: what is replayed is answered, and ends nobody who came later.
        """
        content = urlencode({"logout_token": self.provider.logout_token("other", sub=ALICE.sub)})
        self.assertEqual(Visitor(self).send("POST", "/backchannel-logout", content)[0].status, 200)
        self.visitor.sign_in()
        head, _ = Visitor(self).send("POST", "/backchannel-logout", content)
        self.assertEqual((head.status, head.get(b"cache-control")), (200, b"no-store"))
        self.assertIn("Signed in as", self.visitor.get("/"))

    def test_refused(self) -> None:
        """
        A token that is wrong, missing or repeated ends nobody.
        """
        sid = self.visitor.sid()
        good = self.provider.logout_token("other", sid=sid)
        for tokens in (
            [],
            ["nonsense"],
            [good, good],
            [self.provider.logout_token("rp", sid=sid)],
            [self.provider.logout_token("other", sid=sid, nonce="n")],
        ):
            with self.subTest(count=len(tokens)):
                content = urlencode([("logout_token", token) for token in tokens])
                head, body = Visitor(self).send("POST", "/backchannel-logout", content)
                self.assertEqual(head.status, 400)
                self.assertIn(b'"error": "invalid_request"', body)
        self.assertIn("Signed in as", self.visitor.get("/"))

    def test_no_keys(self) -> None:
        """
        Without the OP's keys nothing is believed, and the OP may come again.
        """
        self.provider.faults["jwks"] = Fault()
        content = urlencode({"logout_token": self.provider.logout_token("other", sid=self.visitor.sid())})
        self.assertEqual(Visitor(self).send("POST", "/backchannel-logout", content)[0].status, 503)

    def test_front_channel(self) -> None:
        """
        A frame without any cookie ends the session that it names, and nobody else's.
        """
        frame = f"/frontchannel-logout?{urlencode({'iss': ISSUER, 'sid': self.visitor.sid()})}"
        head, _ = Visitor(self).send("GET", frame)
        self.assertEqual((head.status, head.get(b"cache-control")), (200, b"no-store"))
        self.assertNotIn("frame", repr(head.fields).lower())
        self.assertIn("(front channel)", self.visitor.get("/"))
        self.assertIn("Signed in as", self.elsewhere.get("/"))

    def test_front_channel_about_nobody(self) -> None:
        """
        A frame that does not name a session of this OP ends nothing, whatever cookie comes with it.
        """
        sid = self.visitor.sid()
        for query in (
            {},
            {"iss": ISSUER},
            {"sid": sid},
            {"iss": "http://x.test", "sid": sid},
            {"iss": ISSUER, "sid": "x"},
        ):
            with self.subTest(query=sorted(query)):
                self.assertEqual(self.visitor.send("GET", f"/frontchannel-logout?{urlencode(query)}")[0].status, 200)
        self.assertEqual(self.visitor.send("GET", "/frontchannel-logout?sid=a&sid=b")[0].status, 400)
        self.assertIn("Signed in as", self.visitor.get("/"))

    def test_live(self) -> None:
        """
        What the page's script asks for changes at that moment.
        """
        before = self.visitor.get("/state")
        self.assertIn(f'data-state="{before}"', self.visitor.get("/"))
        self.provider.end_session(self.visitor.sid())
        self.assertNotEqual(self.visitor.get("/state"), before)


class SiteTests(RelyingPartyCase):
    """
    What is there.
    """

    def test_static(self) -> None:
        """
        The page loads its own parts only.
        """
        for target in ("/style.css", "/other.js"):
            self.assertEqual(self.visitor.send("GET", target)[0].status, 200)

    def test_elsewhere(self) -> None:
        """
        What is not there is 404, what is used wrongly 405, and under another name there is nothing at all.
        """
        for method, target, status in (("GET", "/nothing", 404), ("GET", "/sign-out", 405), ("POST", "/", 405)):
            with self.subTest(target=target):
                self.assertEqual(self.visitor.send(method, target)[0].status, status)
        self.assertEqual(self.visitor.send("GET", "/", Host="evil.test:8005")[0].status, 421)

"""
What passes the proxy in a head, and what does not.
"""

from __future__ import annotations

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.expressions import Rewrite
from pomerium_tx.http11 import writer
from pomerium_tx.http11.canonical import Canonical, canonicalise
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead, ResponseHead
from pomerium_tx.http11.reader import RequestReader, ResponseReader
from pomerium_tx.http11.writer import NO_LINES, field_lines
from pomerium_tx.proxy.heads.forwarding import ForwardedRequest, Forwarding, Framing
from pomerium_tx.proxy.heads.request_ids import request_id_line
from pomerium_tx.routing.rewriting import PrefixRewrite
from pomerium_tx.routing.route import Route, Upstream
from tests.proxy.harness import a_route

FACTS = ForwardedRequest(peer=b"192.0.2.7", scheme=b"https", request_id=request_id_line("request-1"), identity=NO_LINES)


def read(*fields: str, target: str = "/") -> tuple[RequestHead, Canonical]:
    """
    The head of a request with *fields*.
    """
    lines = (f"GET {target} HTTP/1.1", "Host: App.example.com", *fields, "", "")
    head = RequestReader(HeadLimits()).feed("\r\n".join(lines).encode("latin-1"))[0]
    assert isinstance(head, RequestHead), head
    return head, canonicalise(head)


def read_response(*fields: str, status: str = "200 OK") -> ResponseHead:
    """
    The head of a response with *fields*.
    """
    reader = ResponseReader(HeadLimits())
    reader.expect(b"GET")
    head = reader.feed("\r\n".join((f"HTTP/1.1 {status}", *fields, "", "")).encode("latin-1"))[0]
    assert isinstance(head, ResponseHead), head
    return head


class ForwardingTestCase(SynchronousTestCase):
    """
    A `Forwarding` of one route.
    """

    def setUp(self) -> None:
        self.dropped: list[bytes] = []

    def forwarding(self, route: Route, **changes: object) -> Forwarding:
        """
        The rules of *route*.
        """
        settings: dict[str, object] = {
            "cookie_name": b"_pomerium",
            "claim_fields": (b"x-email",),
            "response_fields": (),
            "dropped_cookie": self.dropped.append,
        }
        return Forwarding(route, **(settings | changes))  # type: ignore[arg-type] # the test's own business

    def request_fields(
        self,
        *fields: str,
        target: str = "/",
        facts: ForwardedRequest = FACTS,
        route: Route | None = None,
        **changes: object,
    ) -> dict[str, list[str]]:
        """
        What the upstream sees of a request with *fields*, by lower-case name; its request line under ``:``.
        """
        route = route or a_route()
        written = self.forwarding(route, **changes).request_head(
            *read(*fields, target=target), route.upstreams[0], facts
        )
        line, *rest = written.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        seen: dict[str, list[str]] = {":": [line]}
        for field in rest:
            name, _, value = field.partition(": ")
            seen.setdefault(name.lower(), []).append(value)
        return seen

    def response_fields(self, head: ResponseHead, route: Route | None = None, **changes: object) -> list[str]:
        """
        The lines that the user agent sees of *head*.
        """
        written = self.forwarding(route or a_route(), **changes).response_head(
            head, field_lines([(b"Content-Length", b"3")]), request_id_line("request-1")
        )
        return written.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")


class RequestTests(ForwardingTestCase):
    """
    Requests on their way up.
    """

    def test_identity_cannot_be_sent(self) -> None:
        """
        No spelling of a reserved name reaches the application from a user agent.
        """
        for name in (
            "X-Pomerium-Jwt-Assertion",
            "x-pomerium-claim-email",
            "X-Pomerium-Jwt-Assertion-For",
            "X-Pomerium-Authorization",
            "X.Pomerium.Jwt.Assertion",
            "X-Pomerium.Claim-Groups",
            "X-Email",
            "x.email",
            "X-Forwarded-Proto",
            "X.Forwarded.Proto",
            "X-Forwarded-Host",
            "X.Forwarded.Host",
            "X.Forwarded.For",
            "X-Request-Id",
            "X.Request.Id",
        ):
            with self.subTest(name=name):
                seen = self.request_fields(f"{name}: forged")
                self.assertNotIn("forged", str(seen))

    def test_proxy_is_no_variable(self) -> None:
        """
        No application takes a user agent's word for the proxy that it should use itself; names alike pass.
        """
        for name in ("Proxy", "proxy", "PROXY", "pRoXy"):
            self.assertNotIn("evil.example", str(self.request_fields(f"{name}: http://evil.example")))
        self.assertEqual(self.request_fields("X-Proxy: a", "Proxies: b")["proxies"], ["b"])

    def test_ours_come_last(self) -> None:
        """
        The assertion is written after all that came from outside, and `Connection` cannot name it away.
        """
        facts = ForwardedRequest(
            peer=b"192.0.2.7",
            scheme=b"https",
            request_id=request_id_line("r"),
            identity=field_lines([(b"X-Pomerium-Jwt-Assertion", b"jwt")]),
        )
        seen = self.request_fields("Connection: X-Pomerium-Jwt-Assertion, X-Forwarded-For", "X-Other: 1", facts=facts)
        self.assertEqual(seen["x-pomerium-jwt-assertion"], ["jwt"])
        self.assertEqual(seen["x-forwarded-for"], ["192.0.2.7"])
        self.assertEqual(list(seen)[-1], "x-pomerium-jwt-assertion")
        self.assertNotIn("jwt", repr(facts).lower())

    def test_handle_never_goes_up(self) -> None:
        """
        No carrier of a session handle reaches the application; what is beside it does.
        """
        seen = self.request_fields(
            "Cookie: a=1; _pomerium=secret; b=2",
            "Cookie: _pomerium_login=secret; _pomeriumx=kept",
            "Authorization: Pomerium secret",
            "X-Pomerium-Authorization: secret",
            "Referer: http://app.example.com/?pomerium_session=secret",
            target="/x?a=1&pomerium_session=secret&b=%20",
        )
        self.assertNotIn("secret", str(seen))
        self.assertEqual(seen["cookie"], ["a=1; b=2; _pomeriumx=kept"])
        self.assertEqual(seen[":"], ["GET /x?a=1&b=%20 HTTP/1.1"])
        self.assertNotIn("referer", seen)
        for value in ("bearer pomerium-secret", "POMERIUM secret", "Bearer Pomerium-secret"):
            with self.subTest(value=value):
                self.assertNotIn("authorization", self.request_fields(f"Authorization: {value}"))
        self.assertEqual(self.request_fields("Authorization: Bearer other")["authorization"], ["Bearer other"])

    def test_handle_in_a_url(self) -> None:
        """
        No field in which somebody tells a URL brings a handle to the application; without one it passes, once, unless
        it is named or removed.
        """
        gone = a_route(remove_request_headers=("Referer", "X-Rewrite-Url"))
        for name in (
            "Referer",
            "X-Envoy-Original-Path",
            "X-Forwarded-Uri",
            "X-Original-Uri",
            "X-Original-Url",
            "X-Rewrite-Url",
        ):
            with self.subTest(name=name):
                lower = name.lower()
                for query in ("a=1&pomerium_session=secret", "pomerium_session=secret&a=?b"):
                    self.assertNotIn(lower, self.request_fields(f"{name}: /x?{query}"))
                self.assertEqual(self.request_fields(f"{name}: /x?a=1")[lower], ["/x?a=1"])
                self.assertNotIn(lower, self.request_fields(f"{name}: /x?a=1", f"Connection: {name}"))
                passes = lower not in ("referer", "x-rewrite-url")
                self.assertIs(lower in self.request_fields(f"{name}: /x?a=1", route=gone), passes)

    def test_cookies(self) -> None:
        """
        Cookies go up unless they are all ours, or `Connection` names them, or the route removes or sets them itself.
        """
        mine = "Cookie: a=1; _pomerium=secret"
        self.assertEqual(self.request_fields(mine, "Cookie: _pomerium=secret")["cookie"], ["a=1"])
        self.assertNotIn("cookie", self.request_fields("Cookie: _pomerium=secret"))
        self.assertNotIn("cookie", self.request_fields(mine, "Connection: cookie"))
        self.assertNotIn("cookie", self.request_fields(mine, route=a_route(remove_request_headers=("Cookie",))))
        ours = (("Cookie", "b=2"),)
        self.assertEqual(self.request_fields(mine, route=a_route(set_request_headers=ours))["cookie"], ["b=2"])

    def test_only_our_query(self) -> None:
        """
        A query that held nothing but the handle is gone with its question mark; another one stays byte for byte.
        """
        self.assertEqual(self.request_fields(target="/x?pomerium_session=s")[":"], ["GET /x HTTP/1.1"])
        self.assertEqual(self.request_fields(target="/x?%7e=%2F&&=")[":"], ["GET /x?%7e=%2F&&= HTTP/1.1"])

    def test_base_path(self) -> None:
        """
        The path of `to` takes the place of what the route matched (Pomerium's own examples).
        """
        for base, matched, target, line in (
            (b"/any", b"/", "/foo?x=1", "GET /anyfoo?x=1 HTTP/1.1"),
            (b"/any/", b"/", "/foo", "GET /any/foo HTTP/1.1"),
            (b"/any", b"/admin", "/admin/x", "GET /any/x HTTP/1.1"),
            (b"/any", None, "/exact", "GET /any HTTP/1.1"),
        ):
            with self.subTest(base=base, matched=matched):
                rewrite = PrefixRewrite(matched=matched, sent=base)
                seen = self.request_fields(target=target, route=a_route(path_rewrite=rewrite))
                self.assertEqual(seen[":"], [line])

    def test_base_path_is_not_left(self) -> None:
        """
        What a prefix without its slash leaves over cannot climb out of the path of `to`.
        """
        route = a_route(prefix=b"/files", path_rewrite=PrefixRewrite(matched=b"/files", sent=b"/public/"))
        for target in ("/files../admin", "/files%2e%2e/admin", "/files.", "/files..", "/files./x"):
            with self.subTest(target=target), self.assertRaises(BadRequest):
                self.request_fields(target=target, route=route)
        self.assertEqual(self.request_fields(target="/files/x", route=route)[":"], ["GET /public/x HTTP/1.1"])

    def test_handle_in_any_spelling(self) -> None:
        """
        What is accepted as a handle is also stripped, however it is spelt.
        """
        for value in ("Bearer  Pomerium-secret", "Pomerium\tsecret", "bearer\tpomerium-secret"):
            with self.subTest(value=value):
                self.assertNotIn("authorization", self.request_fields(f"Authorization: {value}"))
        for query in ("%70omerium_session=secret", "a=1&pomerium%5Fsession=secret&b=2", "pomerium_sessio%6E=secret"):
            with self.subTest(query=query):
                seen = self.request_fields(f"Referer: http://app.example.com/?{query}", target=f"/x?{query}")
                self.assertNotIn("secret", str(seen))

    def test_rules_in_any_spelling(self) -> None:
        """
        Nothing that a rule of ours takes out of a field passes in one whose name folds to the same.
        """
        for name in ("Cookie", "Authorization", "Referer", "Content-Length", "Transfer-Encoding", "Host", "Connection"):
            for spelling in (f"%{name}", f"{name}.", name.replace("-", "."), f"Http-{name}", name.replace("-", "--")):
                if spelling.lower() != name.lower():
                    with self.subTest(spelling=spelling):
                        seen = self.request_fields(f"{spelling}: planted", "X-Other: 1")
                        self.assertNotIn(spelling.lower(), seen)
                        self.assertEqual(seen["x-other"], ["1"])

    def test_set_names_in_any_spelling(self) -> None:
        """
        A configured field cannot be accompanied, nor a removed one replaced, by a name that folds to the same.
        """
        route = a_route(set_request_headers=(("X-Role", "user"),), remove_request_headers=("X-Internal-User",))
        seen = self.request_fields("X.Role: admin", "X.Internal.User: root", route=route)
        self.assertNotIn("admin", str(seen))
        self.assertNotIn("root", str(seen))
        self.assertEqual(seen["x-role"], ["user"])

    def test_hop_by_hop(self) -> None:
        """
        What is between the user agent and us ends here, and so does what `Connection` names.
        """
        seen = self.request_fields(
            "Connection: keep-alive, X-Hop",
            "Keep-Alive: timeout=5",
            "X-Hop: 1",
            "TE: trailers",
            "Proxy-Authorization: Basic secret",
            "Trailer: X",
            "X-End: 2",
        )
        for name in ("connection", "keep-alive", "x-hop", "te", "proxy-authorization", "trailer"):
            self.assertNotIn(name, seen)
        self.assertEqual(seen["x-end"], ["2"])

    def test_forwarded(self) -> None:
        """
        The application learns who asked, for which host, and by which scheme.
        """
        seen = self.request_fields("X-Forwarded-For: 198.51.100.1")
        self.assertEqual(seen["host"], ["upstream.test:8080"])
        self.assertEqual(seen["x-forwarded-host"], ["app.example.com"])
        self.assertEqual(seen["x-forwarded-proto"], ["https"])
        self.assertEqual(seen["x-forwarded-for"], ["198.51.100.1, 192.0.2.7"])
        self.assertEqual(seen["x-request-id"], ["request-1"])
        self.assertEqual(seen["via"], ["1.1 pomerium_tx"])

    def test_host_settings(self) -> None:
        """
        `preserve_host_header` and `host_rewrite` do what Pomerium's do.
        """
        kept = self.request_fields(route=a_route(preserve_host_header=True))
        self.assertEqual(kept["host"], ["app.example.com"])
        self.assertNotIn("x-forwarded-host", kept)
        self.assertEqual(self.request_fields(route=a_route(host_rewrite="inner.example"))["host"], ["inner.example"])
        secure = a_route(upstreams=(Upstream(scheme="https", host="::1", port=443),))
        self.assertEqual(self.request_fields(route=secure)["host"], ["[::1]"])

    def test_host_by_path(self) -> None:
        """
        A host that the path names is worked out for each request, and is the only one that is sent.
        """
        route = a_route(host_rewrite_by_path=Rewrite(pattern="^/([a-z]+).*", substitution=r"\1.internal"))
        forwarding = self.forwarding(route)
        for target in ("wiki", "chat"):
            head, canonical = read("X-Other: 1", target=f"/{target}/x")
            lines = forwarding.request_head(head, canonical, route.upstreams[0], FACTS).split(b"\r\n")
            self.assertEqual(
                [line for line in lines if line.lower().startswith(b"host")], [b"Host: %b.internal" % target.encode()]
            )

    def test_host_by_field(self) -> None:
        """
        A host that a field of the request names is sent.
        """
        route = a_route(host_rewrite_header=b"x-host")
        self.assertEqual(self.request_fields("X-Host: inner.example", route=route)["host"], ["inner.example"])

    def test_removed_of_ours(self) -> None:
        """
        What is told of the connection is not told where the route removes it.
        """
        names = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
        for append in (True, False):
            seen = self.request_fields(
                "X-Forwarded-For: 198.51.100.1",
                route=a_route(remove_request_headers=names),
                append_forwarded_for=append,
            )
            self.assertEqual([name for name in names if name.lower() in seen], [])
            self.assertEqual(seen["x-request-id"], ["request-1"])

    def test_goes_round(self) -> None:
        """
        A request that has passed by us eight times goes no further, however many lines say so.
        """
        for before in (["1.1 pomerium_tx"] * 7, ["1.1 pomerium_tx, 1.0 pomerium_tx"] * 3 + ["1.1 other"]):
            passes = self.request_fields(*(f"Via: {each}" for each in before))
            self.assertEqual(passes["via"], [", ".join([*before, "1.1 pomerium_tx"])])
        for before in (["1.1 pomerium_tx"] * 8, ["1.1 pomerium_tx, 1.0 pomerium_tx"] * 4):
            problem = self.assertRaises(BadRequest, self.request_fields, *(f"Via: {each}" for each in before))
            self.assertEqual((problem.status, problem.reason), (508, "This request goes round in circles."))

    def test_whole_head(self) -> None:
        """
        Each field is there once: what passes in its own spelling, then what is written anew, in the usual one.
        """
        fields = (
            "x-ONE: 1",
            "x-request-id: theirs",
            "via: 1.0 a",
            "REFERER: http://r/",
            "cookie: a=1",
            "x-forwarded-for: b",
            "max-forwards: 5",
            "x-forwarded-proto: ftp",
            "x-Two: 2",
            "x-forwarded-for: c",
        )
        host, after = (
            ["Host: upstream.test:8080", "x-ONE: 1", "REFERER: http://r/", "x-Two: 2", "Cookie: a=1"],
            [
                "Max-Forwards: 5",
                "X-Forwarded-Host: app.example.com",
                "Via: 1.0 a, 1.1 pomerium_tx",
            ],
        )
        ours = ["X-Forwarded-For: b, c, 192.0.2.7", "X-Forwarded-Proto: https", "X-Request-Id: request-1"]
        for special, written in (
            ((), []),
            (("content-length: 3", "expect: 100-continue"), ["Content-Length: 3", "Expect: 100-continue"]),
            (("transfer-encoding: chunked",), ["Transfer-Encoding: chunked"]),
        ):
            with self.subTest(special=special):
                self.assertEqual(self.lines(*fields, *special), [*host, *written, *after, *ours])
        self.assertEqual(
            self.lines(*fields, append_forwarded_for=False), [*host, *after, "X-Forwarded-For: b, c", *ours[1:]]
        )
        self.assertEqual(
            self.lines("connection: upgrade", "upgrade: WebSocket"),
            [
                host[0],
                "Connection: Upgrade",
                "Upgrade: websocket",
                after[1],
                "Via: 1.1 pomerium_tx",
                "X-Forwarded-For: 192.0.2.7",
                *ours[1:],
            ],
        )

    def lines(self, *fields: str, **changes: object) -> list[str]:
        """
        The field lines that the upstream gets.
        """
        route = a_route()
        written = self.forwarding(route, **changes).request_head(*read(*fields), route.upstreams[0], FACTS)
        return written.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")[1:]

    def test_named_away(self) -> None:
        """
        `Connection` ends what was asked of the next hop alone.
        """
        seen = self.request_fields(
            "Content-Length: 3", "Expect: 100-continue", "Max-Forwards: 5", "Connection: expect, max-forwards"
        )
        self.assertEqual([name for name in ("expect", "max-forwards", "connection") if name in seen], [])

    def test_same_fields(self) -> None:
        """
        What requests with the same fields have in common is worked out once, by each route for itself.
        """
        head, canonical = read("X-Other: 1")
        routes = [a_route(set_request_headers=(("X-Route", name),)) for name in "ab"]
        rules = [self.forwarding(route) for route in routes]
        worked_out = []
        for _ in range(2):
            for route, forwarding in zip(routes, rules, strict=True):
                written = forwarding.request_head(head, canonical, route.upstreams[0], FACTS)
                self.assertIn(f"X-Route: {route.set_request_headers[0][1]}\r\n".encode(), written)
                worked_out.append(head.derived[forwarding])
        self.assertIs(worked_out[0], worked_out[2])
        self.assertIs(worked_out[1], worked_out[3])

    def test_same_request(self) -> None:
        """
        The line of a request that is sent again is made once by the route that sends it, and anew by another one.
        """
        head, canonical = read(target="/x?y=1")
        below = a_route(path_rewrite=PrefixRewrite(matched=b"/", sent=b"/below/"))
        rules = [(route, self.forwarding(route), line) for route, line in ((a_route(), b"/x"), (below, b"/below/x"))]
        for route, forwarding, line in (rules[0], rules[0], rules[1], rules[1], rules[0]):
            before = canonical.derived.get(forwarding)
            written = forwarding.request_head(head, canonical, route.upstreams[0], FACTS)
            self.assertTrue(written.startswith(b"GET %b?y=1 HTTP/1.1\r\n" % line), written)
            self.assertEqual(canonical.derived[forwarding] is before, before is not None)

    def test_what_varies(self) -> None:
        """
        What varies from one request to the next is told of each as of the first, by the same rules, although all the
        rest is alike.
        """
        rules: tuple[tuple[Route, tuple[str, ...], set[str]], ...] = (
            (a_route(), (), {"Referer", "If-None-Match"}),
            (a_route(), ("Connection: if-none-match",), {"Referer"}),
            (a_route(), ("Connection: Referer",), {"If-None-Match"}),
            (a_route(remove_request_headers=("referer",)), (), {"If-None-Match"}),
            (a_route(set_request_headers=(("If-None-Match", "ours"),)), (), {"Referer"}),
        )
        for route, fields, passed in rules:
            with self.subTest(passed=passed, fields=fields):
                forwarding = self.forwarding(route)
                for number in range(3):
                    varying = {"Referer": f"http://r/{number}", "If-None-Match": f'"{number}"'}
                    head, canonical = read(*fields, *(f"{name}: {value}" for name, value in varying.items()))
                    lines = forwarding.request_head(head, canonical, route.upstreams[0], FACTS).decode().split("\r\n")
                    self.assertEqual(lines[1], "Host: upstream.test:8080")
                    told = [line for line in lines if line.startswith(("Referer: ", 'If-None-Match: "'))]
                    self.assertCountEqual(told, [f"{name}: {varying[name]}" for name in passed])

    def test_handle_in_what_varies(self) -> None:
        """
        Nor is a session handle passed on in one of them, whoever came before with the same fields.
        """
        forwarding = self.forwarding(a_route())
        for query, passes in (
            ("a=b", True),
            ("pomerium_session=x", False),
            ("a=c", True),
            ("%70omerium_session", False),
        ):
            head, canonical = read(f"Referer: https://app.example.com/?{query}")
            written = forwarding.request_head(head, canonical, a_route().upstreams[0], FACTS)
            self.assertEqual(b"Referer: " in written, passes, query)
        # What is no URL, nor meant to hold a handle, is not ours to judge.
        self.assertIn("X-Note: a?pomerium_session=x", self.lines("X-Note: a?pomerium_session=x"))

    def test_each_peer(self) -> None:
        """
        However much requests have in common, each tells its own peer, scheme and id. What one tells that comes after
        another of the same peer is not made anew.
        """
        head, canonical = read("X-Forwarded-For: a")
        route = a_route()
        forwarding = self.forwarding(route)
        asked = [(peer, scheme) for peer in (b"192.0.2.7", b"192.0.2.8") for scheme in (b"http", b"https")]
        told = []
        for number, (peer, scheme) in enumerate([asked[0], *asked, *asked[::-1]]):
            facts = ForwardedRequest(
                peer=peer, scheme=scheme, request_id=request_id_line(str(number)), identity=NO_LINES
            )
            lines = forwarding.request_head(head, canonical, route.upstreams[0], facts).split(b"\r\n")
            self.assertEqual(
                lines[-5:],
                [
                    b"X-Forwarded-For: a, " + peer,
                    b"X-Forwarded-Proto: " + scheme,
                    b"X-Request-Id: %d" % number,
                    b"",
                    b"",
                ],
            )
            told.append(head.derived[forwarding].told)
        self.assertEqual([one is other for one, other in pairwise(told)], [number in (0, 4) for number in range(8)])

    def test_kubernetes(self) -> None:
        """
        Where we say by our token who asks, nobody says it in our place; elsewhere the same fields are nobody's.
        """
        forged = ("Impersonate-User: root", "IMPERSONATE-Extra-X: 1", "impersonate.group: all", "Impersonated: 1")
        cluster = a_route(kubernetes_token="token")
        seen = self.request_fields(*forged, "Authorization: Basic mine", route=cluster)
        self.assertEqual([name for name in seen if name.startswith(("imp", "auth"))], ["impersonated"])
        seen = self.request_fields(*forged, "Authorization: Basic mine")
        self.assertEqual(len([name for name in seen if name.startswith(("imp", "auth"))]), 5)

    def test_no_append(self) -> None:
        """
        With `skip_xff_append` the field stays what it was.
        """
        seen = self.request_fields("X-Forwarded-For: 198.51.100.1", append_forwarded_for=False)
        self.assertEqual(seen["x-forwarded-for"], ["198.51.100.1"])
        self.assertNotIn("x-forwarded-for", self.request_fields(append_forwarded_for=False))

    def test_set_and_remove(self) -> None:
        """
        Configured fields overwrite, and removal comes last.
        """
        route = a_route(
            set_request_headers=(("X-Set", "ours"), ("X-Both", "ours")), remove_request_headers=("X-Gone", "x-both")
        )
        seen = self.request_fields("X-Set: theirs", "X-Gone: theirs", "X-Both: theirs", route=route)
        self.assertEqual(seen["x-set"], ["ours"])
        self.assertNotIn("x-gone", seen)
        self.assertNotIn("x-both", seen)

    def test_repeated_fields_keep_their_order(self) -> None:
        """
        Lines of one name stay apart and in order, in their own spelling.
        """
        self.assertEqual(self.request_fields("X-List: b", "X-List: a")["x-list"], ["b", "a"])


class CredentialsOfOthersTests(ForwardingTestCase):
    """
    What an application and its users agree on.
    """

    def test_both_ways(self) -> None:
        """
        Credentials and challenges of every scheme but ours pass unchanged, in their order (RFC 9110 sections 11.6.1
        and 11.6.2).
        """
        for credentials in ("Basic YWxpY2U6eA==", "Digest a=b, c=d", "Negotiate YII=", "Bearer abc", "pomeriumx y"):
            with self.subTest(credentials=credentials):
                self.assertEqual(self.request_fields(f"Authorization: {credentials}")["authorization"], [credentials])
        challenges = ('WWW-Authenticate: Basic realm="a"', "WWW-Authenticate: Negotiate", "Authentication-Info: x=y")
        seen = self.response_fields(read_response(*challenges, "Content-Length: 3", status="401 No"))
        self.assertEqual([line for line in seen if line.split(":")[0].startswith(("WWW", "Auth"))], list(challenges))


class FramingTests(ForwardingTestCase):
    """
    How the end of an answer is shown.
    """

    def test_framing(self) -> None:
        """
        A length is told where it is known; else HTTP/1.1 gets chunks, and for HTTP/1.0 the connection's end is the
        answer's. Who may go on is told so in HTTP/1.0, who may not is told in both.
        """
        length, chunks = "Content-Length: 3", "Transfer-Encoding: chunked"
        close, stays = "Connection: close", "Connection: keep-alive"
        for fields, status, one, zero in (
            ([length], "200 OK", ([length], False, True), ([length, stays], False, True)),
            ([chunks], "200 OK", ([chunks], True, True), ([close], False, False)),
            ([], "200 OK", ([chunks], True, True), ([close], False, False)),
            ([], "204 No", ([], False, True), ([stays], False, True)),
            ([length], "304 Not", ([length], False, True), ([length, stays], False, True)),
            ([chunks], "304 Not", ([], False, True), ([stays], False, True)),
        ):
            for minor, expected in ((1, one), (0, zero)):
                with self.subTest(fields=fields, status=status, minor=minor):
                    head = read_response(*fields, status=status)
                    self.assertEqual(self.shown(head, minor, keep_alive=True), expected)
                    lines = [line for line in expected[0] if not line.startswith("Connection")] + [close]
                    self.assertEqual(self.shown(head, minor, keep_alive=False), (lines, expected[1], False))
                    self.assertEqual(self.shown(head, minor, keep_alive=True), expected)

    def shown(self, head: ResponseHead, minor: int, *, keep_alive: bool) -> tuple[list[str], bool, bool]:
        """
        The lines, whether there are chunks, and whether the connection may go on.
        """
        framing = Framing.of(head, minor=minor, keep_alive=keep_alive)
        self.assertIs(framing, Framing.of(head, minor=minor, keep_alive=keep_alive))
        return framing.lines.decode().split("\r\n")[:-1], framing.chunked, framing.keep_alive

    def test_event_stream(self) -> None:
        """
        A stream of events is known by its type, in any case and with parameters.
        """
        for content_type, expected in (
            (["Content-Type: Text/Event-Stream; charset=utf-8"], True),
            (["Content-Type: text/event-stream"], True),
            (["Content-Type: application/json"], False),
            ([], False),
        ):
            with self.subTest(content_type=content_type):
                framing = Framing.of(read_response(*content_type), minor=1, keep_alive=True)
                self.assertIs(framing.event_stream, expected)


class ResponseTests(ForwardingTestCase):
    """
    Responses on their way down.
    """

    def test_our_cookies(self) -> None:
        """
        No application can set or clear a cookie of ours, in whatever spelling; it is reported by name.
        """
        head = read_response(
            "Set-Cookie: _pomerium=forged; Path=/",
            "Set-Cookie: _pomerium_authenticate=forged",
            "Set-Cookie:  _pomerium =forged",
            "Set-Cookie: =_pomerium=forged",
            "Set-Cookie: _pomerium",
            "Set-Cookie: _pomerium; Path=/forged",
            "Set-Cookie: = _pomerium =a=forged",
            "Set-Cookie: theirs=1; Path=/",
            "Set-Cookie: X_pomeriumX=1",
            "Set-Cookie: =X_pomeriumX=1",
            "X-Cookie: _pomerium",
        )
        lines = self.response_fields(head)
        self.assertIn("X-Cookie: _pomerium", lines)
        self.assertNotIn("forged", str(lines))
        self.assertEqual(
            [line for line in lines if line.startswith("Set-Cookie")],
            ["Set-Cookie: theirs=1; Path=/", "Set-Cookie: X_pomeriumX=1", "Set-Cookie: =X_pomeriumX=1"],
        )
        self.assertEqual(self.dropped, [b"_pomerium", b"_pomerium_authenticate", *[b"_pomerium"] * 5])

    def test_rewritten(self) -> None:
        """
        Of the rules for a name the first whose beginning the value has replaces that, in every such field; none lets a
        cookie of ours pass.
        """
        rules = (
            (b"location", b"http://a/", b"https://b/"),
            (b"location", b"http://", b"x"),
            (b"set-cookie", b"app", b"_pomerium"),
        )
        head = read_response(
            "Location: http://a/c", "LOCATION: http://d", "X: http://a/", "Set-Cookie: app=1", "Content-Length: 0"
        )
        lines = self.response_fields(head, a_route(rewrite_response_headers=rules))
        self.assertEqual([line for line in lines if "/" in line][1:], ["Location: https://b/c", "X: http://a/"])
        self.assertIn("LOCATION: xd", lines)
        self.assertEqual(self.dropped, [b"_pomerium"])

    def test_dated(self) -> None:
        """
        A final answer has one date: the application's, or that of now. One that is not the last has what it has.
        """
        self.patch(writer, "date", lambda: b"now")
        for status, own, expected in (
            ("200 OK", [], ["Date: now"]),
            ("404 No", [], ["Date: now"]),
            ("200 OK", ["date: then"], ["date: then"]),
            ("103 Early Hints", [], []),
        ):
            with self.subTest(status=status, own=own):
                lines = self.response_fields(read_response(*own, status=status))
                self.assertEqual([line for line in lines if line.lower().startswith("date")], expected)

    def test_what_is_written_elsewhere(self) -> None:
        """
        Who stands between the application and us is nobody's business; a cookie passes, unless `Connection` names it.
        """
        fields = ("Via: 1.1 a", "Set-Cookie: b=1", "Content-Length: 9", "Date: d", "X-Request-Id: theirs")
        after = ["Date: d", "X-Request-Id: request-1", "Content-Length: 3"]
        self.assertEqual(self.response_fields(read_response(*fields))[1:], ["Set-Cookie: b=1", *after])
        named = read_response(*fields, "Connection: set-cookie, date")
        self.patch(writer, "date", lambda: b"now")
        self.assertEqual(self.response_fields(named)[1:], ["Date: now", *after[1:]])

    def test_interim_answers_are_not_ours(self) -> None:
        """
        What the configuration sets is said with the last answer.
        """
        fields = ((b"X-Set", b"1"),)
        self.assertNotIn("X-Set: 1", self.response_fields(read_response(status="103 Early"), response_fields=fields))
        self.assertIn("X-Set: 1", self.response_fields(read_response(), response_fields=fields))

    def test_same_head(self) -> None:
        """
        What like answers have in common is worked out once; a cookie of ours is reported each time.
        """
        head = read_response("Set-Cookie: _pomerium=forged")
        forwarding = self.forwarding(a_route())
        worked_out = []
        for _ in range(2):
            forwarding.response_head(head, NO_LINES, request_id_line("request-1"))
            worked_out.append(head.derived[forwarding])
        self.assertIs(*worked_out)
        self.assertEqual(self.dropped, [b"_pomerium"] * 2)

    def test_configured_fields_win(self) -> None:
        """
        What the configuration sets replaces what the application says.
        """
        lines = self.response_fields(
            read_response("X-Frame-Options: ALLOWALL", "X-Other: 1"),
            response_fields=((b"X-Frame-Options", b"SAMEORIGIN"),),
        )
        self.assertIn("X-Frame-Options: SAMEORIGIN", lines)
        self.assertNotIn("X-Frame-Options: ALLOWALL", lines)
        self.assertIn("X-Other: 1", lines)

    def test_caching(self) -> None:
        """
        The route's rule about caching holds for every final answer, a 304 and an error too, and for what the
        configuration itself sets.
        """
        for status in ("200 OK", "206 Partial Content", "301 Moved", "304 Not Modified", "404 Not Found", "500 Broken"):
            for caching, expected in (
                ("upstream", ["Cache-Control: public, max-age=60", "Cache-Control: s-maxage=9"]),
                ("private", ["Cache-Control: max-age=60, private"]),
                ("no_store", ["Cache-Control: no-store"]),
            ):
                with self.subTest(status=status, caching=caching):
                    head = read_response(
                        "Cache-Control: public, max-age=60", "X-Other: 1", "Cache-Control: s-maxage=9", status=status
                    )
                    lines = self.response_fields(head, a_route(caching=caching))
                    self.assertEqual([line for line in lines if line.startswith("Cache-Control")], expected)
                    self.assertIn("X-Other: 1", lines)
        configured = self.response_fields(
            read_response("Cache-Control: no-store"),
            a_route(caching="private"),
            response_fields=((b"cache-control", b"public, max-age=5"),),
        )
        self.assertIn("Cache-Control: max-age=5, private", configured)

    def test_caching_named_away(self) -> None:
        """
        What `Connection` names ends at the proxy, and the rule holds all the same.
        """
        head = read_response("Connection: cache-control, close", "Cache-Control: max-age=60")
        self.assertIn("Cache-Control: private", self.response_fields(head, a_route(caching="private")))

    def test_interim_answers_are_not_cached(self) -> None:
        """
        An answer that is not the last says nothing about caching.
        """
        head = read_response("Link: </a.css>; rel=preload", status="103 Early Hints")
        lines = self.response_fields(head, a_route(caching="no_store"))
        self.assertEqual([line for line in lines if line.startswith("Cache-Control")], [])

    def test_hop_by_hop_and_framing(self) -> None:
        """
        The connection to the application ends here; framing is ours.
        """
        lines = self.response_fields(
            read_response(
                "Connection: X-Hop",
                "X-Hop: 1",
                "Keep-Alive: timeout=5",
                "Content-Length: 3",
                "X-Request-Id: theirs",
                "Date: today",
            )
        )
        self.assertEqual(lines, ["HTTP/1.1 200 OK", "Date: today", "X-Request-Id: request-1", "Content-Length: 3"])

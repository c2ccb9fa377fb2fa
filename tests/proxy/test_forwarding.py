"""
What passes the proxy in a head, and what does not.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.http11.canonical import Canonical, canonicalise
from pomerium_tx.http11.heads import BadRequest, HeadLimits, RequestHead, ResponseHead
from pomerium_tx.http11.reader import RequestReader, ResponseReader
from pomerium_tx.http11.writer import NO_LINES, field_lines
from pomerium_tx.proxy.forwarding import ForwardedRequest, Forwarding
from pomerium_tx.proxy.request_ids import request_id_line
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
            "Set-Cookie: theirs=1; Path=/",
        )
        lines = self.response_fields(head)
        self.assertNotIn("forged", str(lines))
        self.assertEqual([line for line in lines if line.startswith("Set-Cookie")], ["Set-Cookie: theirs=1; Path=/"])
        self.assertEqual(
            self.dropped, [b"_pomerium", b"_pomerium_authenticate", b"_pomerium", b"_pomerium", b"_pomerium"]
        )

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

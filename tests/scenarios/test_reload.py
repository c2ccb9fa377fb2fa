"""
A configuration that is read again: all of it holds from one turn on, and what it leaves no room for is cut or ended.
"""

from __future__ import annotations

import copy
from typing import Any

from pomerium_tx.config.reload import merged
from pomerium_tx.sessions.store import SessionStore
from tests.doubles.peers import request
from tests.doubles.stores import UnreliableStore
from tests.scenarios.traffic import TrafficTestCase
from tests.scenarios.world import APP, CHAT, CONFIG, OPEN


class ReloadTestCase(TrafficTestCase):
    """
    A world whose configuration changes.
    """

    def make_store(self) -> SessionStore:
        self.unreliable = UnreliableStore()
        return self.unreliable

    def routes(self, **changes: dict[str, Any] | None) -> list[dict[str, Any]]:
        """
        The routes, by name changed, or left out.
        """
        found = []
        for route in copy.deepcopy(CONFIG["routes"]):
            change = changes.get(route["name"], {})
            if change is not None:
                found.append({key: value for key, value in (route | change).items() if value is not None})
        return found

    def reload(self, **changes: object) -> None:
        """
        The configuration was read again.
        """
        config, _ = merged(self.house.config, self.read(**changes))
        self.house.reload(config)
        self.settle()

    def only_bob(self) -> dict[str, Any]:
        """
        A rule that does not admit Alice.
        """
        return {"allow_any_authenticated_user": None, "allowed_users": ["bob@example.com"]}


class RoutesTests(ReloadTestCase):
    """
    Routes and policies.
    """

    def test_policy(self) -> None:
        """
        Who is not admitted any more is cut on that route only, keeps the session, and gets 403 from then on.
        """
        alice = self.both()
        download, _ = self.download(alice)
        chat, chatting = self.websocket(alice)
        bob = self.both("bob")
        his, _ = self.download(bob)
        self.reload(routes=self.routes(app=self.only_bob()))
        self.assertEqual(download.take(), b"")
        self.assert_broken_off(download)
        self.assertIsNone(his.lost)
        chatting.say(b"\x81\x02hi")
        self.settle()
        self.assertEqual(chat.take(), b"\x81\x02hi")
        self.assertEqual(alice.get(APP + "/").status, 403)
        self.assertEqual(alice.get(CHAT + "/").status, 200)
        self.assertEqual(self.receipts(), [])

    def test_waiting_requests(self) -> None:
        """
        A request whose answer has not begun is answered, and the application's late answer reaches nobody.
        """
        alice = self.both()
        agent, upstream = self.begin(alice, "GET", APP + "/slow")
        self.reload(routes=self.routes(app=self.only_bob()))
        self.assert_answered(agent, 302)
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.settle()
        self.assertEqual(agent.take(), b"")

    def test_removed_route(self) -> None:
        """
        What is open on a route that is gone is cut, somebody's or nobody's; its host is nobody's from then on.
        """
        alice = self.both()
        hers, _ = self.stream(alice)
        nobody = self.browser()
        public, _ = self.begin(nobody, "GET", OPEN + "/file")
        self.answer(_application(self, "open"), "Content-Length: 1000", b"some")
        public.take()
        self.reload(routes=self.routes(app=None, open=None))
        self.assert_broken_off(hers)
        self.assert_broken_off(public)
        for origin in (APP, OPEN):
            self.assertEqual(alice.get(origin + "/").status, 404)
        self.assertEqual(alice.get(CHAT + "/").status, 200)

    def test_removed_route_before_the_answer(self) -> None:
        """
        A request whose answer has not begun on a route that is gone is answered as anybody without a session would be.
        """
        alice = self.both()
        agent, _ = self.begin(alice, "GET", APP + "/slow")
        self.reload(routes=self.routes(app=None))
        self.assertIn(b"HTTP/1.1 302", agent.take())

    def test_no_longer_public(self) -> None:
        """
        Nobody's exchanges are cut on a route that wants to know who is there.
        """
        nobody = self.browser()
        agent, upstream = self.begin(nobody, "GET", OPEN + "/file")
        self.answer(upstream, "Content-Length: 1000", b"some")
        agent.take()
        private = {"allow_public_unauthenticated_access": None, "allow_any_authenticated_user": True}
        self.reload(routes=self.routes(open=private))
        self.assert_broken_off(agent)
        self.assertEqual(self.browser().once("GET", OPEN + "/", {}).status, 302)

    def test_no_more_websockets(self) -> None:
        """
        WebSockets end where they are not allowed any more.
        """
        alice = self.both()
        agent, upstream = self.websocket(alice)
        self.reload(routes=self.routes(chat={"allow_websockets": None}))
        upstream.say(b"\x81\x02hi")
        self.settle()
        self.assertNotIn(b"hi", agent.take())
        self.assertTrue(agent.transport.closed_by_peer)

    def test_new_rules_for_old_connections(self) -> None:
        """
        A connection that was open before obeys the new rules, for a request that was pipelined too.
        """
        alice = self.both()
        agent, upstream = self.begin(alice, "GET", APP + "/first")
        cookie = f"Cookie: _pomerium={self.handle_of(alice, APP)}"
        agent.say(request("GET", "/second", "app.example.com", cookie))
        self.settle()
        self.reload(routes=self.routes(app={"set_response_headers": {"X-New": "yes"}}, denied=None))
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.settle()
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.settle()
        answers = agent.take()
        self.assertEqual(answers.count(b"HTTP/1.1 200 OK"), 2, answers)
        self.assertEqual(answers.count(b"X-New: yes"), 1)

    def test_new_route(self) -> None:
        """
        A new route is served at once, to those who have a session already.
        """
        alice = self.both()
        new = self.routes()[0] | {"from": "https://new.example.com", "name": "new"}
        self.reload(routes=[*self.routes(), new])
        self.assertEqual(alice.get("https://new.example.com/").status, 200)

    def test_same_again(self) -> None:
        """
        A file that says the same changes nothing for anybody, and keeps the connections to applications.
        """
        alice = self.both()
        socket, upstream = self.websocket(alice)
        download, _ = self.download(alice)
        alice.get(APP + "/")
        before = len(self.app.connections)
        self.reload()
        upstream.say(b"\x81\x02hi")
        self.settle()
        self.assertEqual(socket.take(), b"\x81\x02hi")
        self.assertIsNone(download.lost)
        alice.get(APP + "/")
        self.assertEqual(len(self.app.connections), before)

    def test_other_application(self) -> None:
        """
        A route that leads elsewhere now leads there from the next request on; what is under way is let finish, and its
        connection is not kept.
        """
        alice = self.both()
        agent, upstream = self.begin(alice, "GET", APP + "/slow")
        self.reload(routes=self.routes(app={"to": "http://denied.internal:8080"}))
        self.applications["denied"].take()
        self.assertEqual(alice.get(APP + "/there").status, 200)
        self.assertIn(b"GET /there ", self.applications["denied"].take())
        upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.settle()
        self.assertTrue(agent.take().endswith(b"ok"))
        self.assertTrue(all(each.lost is not None for each in self.app.connections))


class ProvidersTests(ReloadTestCase):
    """
    Providers.
    """

    def test_removed(self) -> None:
        """
        Sessions of an OP that is gone end, are cut everywhere, and their tokens are revoked.
        """
        alice = self.both()
        agent, _ = self.download(alice)
        handle = self.handle_of(alice, APP)
        self.reload(idp_client_id="another")
        self.assert_broken_off(agent)
        self.assertEqual(self.replay(handle, APP).status, 302)
        self.advance(1.0)
        [receipt] = self.receipts()
        self.assertEqual((receipt["cause"], receipt["sessions_ended"]), ("provider_removed", 1))
        self.assertEqual(receipt["tokens_to_revoke"], 2)
        self.advance(1.0)
        self.assertEqual(len(self.provider.revocations), 2)

    def test_removed_while_a_session_begins(self) -> None:
        """
        A session whose beginning was being recorded when its OP was removed ends like the others.
        """
        alice = self.browser()
        page = alice.get(APP + "/")
        action, fields = page.form(0, "Sign in as Alice")
        callback = alice.post(action, fields, follow=False).get("Location") or ""
        self.http.hold("/token")
        alice.open("GET", callback)
        self.unreliable.hold()
        self.http.release("/token")
        self.settle()
        self.reload(idp_client_id="another")
        self.unreliable.release()
        self.settle()
        self.advance(1.0)
        self.assertEqual(self.house.registry.count, 0)
        self.assertEqual([receipt["cause"] for receipt in self.receipts()], ["provider_removed"])
        self.advance(1.0)
        self.assertEqual(len(self.provider.revocations), 2)

    def test_what_is_known_of_it(self) -> None:
        """
        A changed setting makes nobody forget how the OP makes its tokens, nor what it publishes.
        """
        self.both()
        [before] = self.house.layout.providers.values()
        before._logout_tokens_seen.are_typed = True
        self.reload(idp_client_secret="a-new-secret-of-the-same-client")
        [after] = self.house.layout.providers.values()
        self.assertIsNot(after, before)
        self.assertTrue(after._logout_tokens_seen.are_typed)
        self.assertIsNotNone(after._id_tokens_seen.alg)
        self.assertIsNotNone(after.known_metadata)
        self.reload(idp_client_id="another")
        [other] = self.house.layout.providers.values()
        self.assertFalse(other._logout_tokens_seen.are_typed)
        self.assertEqual(other.known_metadata, after.known_metadata)

    def test_new_secret(self) -> None:
        """
        A client secret that was changed signs nobody out.
        """
        alice = self.both()
        agent, _ = self.download(alice)
        self.reload(idp_client_secret="a-new-secret-of-the-same-client")
        self.assertIsNone(agent.lost)
        self.assertEqual(alice.get(APP + "/").status, 200)
        self.advance(1.0)
        self.assertEqual(self.receipts(), [])


def _application(world: TrafficTestCase, name: str) -> Any:
    return world.applications[name].latest

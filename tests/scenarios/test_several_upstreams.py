"""
An application on several machines, behind one route.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.scenarios.browser import Browser
from tests.scenarios.test_reload import ReloadTestCase
from tests.scenarios.world import APP, Application, Applications

NAMES = ("one", "two", "three")
CHECK = {"timeout": "1s", "interval": "5s", "http_health_check": {"path": "/healthz"}}


class SeveralUpstreamsTestCase(ReloadTestCase):
    """
    A world in which ``app`` is on three machines.
    """

    settings_of_app: dict[str, Any] = {}

    def setUp(self) -> None:
        super().setUp()
        self.machines = {name: Applications() for name in NAMES}
        self.applications.update(self.machines)
        for name, machine in self.machines.items():
            self.network.listen(f"{name}.internal", 8080, machine)
        self.share()
        self.alice = self.browser()
        self.sign_in(self.alice)
        self.asked()

    def share(self, *names: str, **settings: Any) -> None:
        """
        The application is on these machines from now on.
        """
        to = [f"http://{name}.internal:8080" for name in names or NAMES]
        self.reload(routes=self.routes(app={"to": to, **self.settings_of_app, **settings}))

    def asked(self) -> list[str]:
        """
        The machines that have been asked for anything but their health since the last time.
        """
        found = []
        for name, machine in self.machines.items():
            requests = machine.take().split(b"\r\n\r\n")
            found += [name] * sum(b" /healthz " not in head for head in requests if head)
        return found

    def get(self, browser: Browser, count: int = 1) -> list[str]:
        """
        Who was asked for *count* pages, each of which has come.
        """
        found = []
        for _ in range(count):
            self.assertEqual(browser.get(APP + "/").status, 200)
            found += self.asked()
        return found

    def hold(self) -> tuple[Any, str, Application]:
        """
        A download that has not come to its end: the user agent's end, the machine, and its end.
        """
        for machine in self.machines.values():
            machine.answer = None
        agent = self.alice.open("GET", APP + "/file")
        for machine in self.machines.values():
            machine.answer = Applications().answer
        (name,) = self.asked()
        latest = self.machines[name].latest
        assert latest is not None
        self.answer(latest, "Content-Length: 1000000", b"some of it")
        self.assertTrue(agent.take().endswith(b"some of it"))
        return agent, name, latest


class SharingTests(SeveralUpstreamsTestCase):
    """
    Requests are shared, and everything else is as with one machine.
    """

    def test_shares(self) -> None:
        """
        Each machine has its share, hears its own name, and is told who is asking.
        """
        for _ in NAMES:
            self.assertEqual(self.alice.get(APP + "/page").status, 200)
        for name in NAMES:
            heard = self.machines[name].take()
            self.assertIn(f"\r\nHost: {name}.internal:8080\r\n".encode(), heard)
            self.assertIn(b"\r\nX-Pomerium-Jwt-Assertion: ", heard)
            self.assertNotIn(b"_pomerium", heard)
        self.assertEqual(Counter(self.get(self.alice, 9)), Counter(dict.fromkeys(NAMES, 3)))

    def test_sockets(self) -> None:
        """
        On a UNIX socket there is no name of its own: the application sees the one that the browser has asked for.
        """
        self.network.listen("/run/one.sock", 0, self.machines["one"])
        for changes, host in (({}, b"app.example.com"), ({"host_rewrite": "inner.test"}, b"inner.test")):
            self.reload(routes=self.routes(app={"to": "unix:///run/one.sock", **changes}))
            self.assertEqual(self.alice.get(APP + "/page").status, 200)
            heard = self.machines["one"].take()
            self.assertTrue(heard.startswith(b"GET /page HTTP/1.1\r\nHost: %b\r\n" % host), heard)
            self.assertEqual(b"X-Forwarded-Host: app.example.com" in heard, bool(changes))

    def test_sticky(self) -> None:
        """
        With a policy by session a person's requests all go to one machine, whichever browser window they come from;
        different persons' are spread.
        """
        for policy in ("RING_HASH", "MAGLEV"):
            with self.subTest(policy):
                self.share(load_balancing_policy=policy)
                found = set()
                for number in range(12):
                    browser = self.browser(address=f"192.0.2.{number}")
                    self.sign_in(browser)
                    self.asked()
                    (machine,) = set(self.get(browser, 4))
                    found.add(machine)
                self.assertGreater(len(found), 1)

    def test_sign_out_cuts_all(self) -> None:
        """
        A sign-out cuts what is open at whichever machine; none of those connections serves anybody again.
        """
        held = [self.hold() for _ in NAMES]
        self.assertEqual({name for _, name, _ in held}, set(NAMES))
        self.sign_out(self.alice)
        self.settle()
        for agent, _, upstream in held:
            self.assert_broken_off(agent)
            self.assertIsNotNone(upstream.lost)

    def test_bounds_each(self) -> None:
        """
        ``max_upstream_connections`` holds for each machine by itself.
        """
        self.reload(
            routes=self.routes(app={"to": [f"http://{name}.internal:8080" for name in NAMES]}),
            max_upstream_connections=1,
            max_upstream_queue=0,
        )
        held = [self.hold() for _ in NAMES]
        self.assertEqual(self.alice.get(APP + "/").status, 503)
        _, name, upstream = held[0]
        upstream.by_hand = False
        upstream.say(b"x" * (1_000_000 - len(b"some of it")))
        self.settle()
        self.assertEqual(self.get(self.alice, 3), [name] * 3)

    def test_told_of_ends(self) -> None:
        """
        Every machine is told that a session has ended, where ``upstream_logout_uri`` is a path.
        """
        self.share(upstream_logout_uri="/out")
        self.get(self.alice)
        self.sign_out(self.alice)
        self.advance(5)
        for name, machine in self.machines.items():
            self.assertIn(b"POST /out ", machine.take(), name)


class FailureTests(SeveralUpstreamsTestCase):
    """
    Machines come and go.
    """

    def test_one_is_gone(self) -> None:
        """
        Nobody notices that a machine is gone: its requests go to another one, before there is any health check.
        """
        self.network.close("two.internal", 8080)
        self.assertEqual(set(self.get(self.alice, 9)), {"one", "three"})

    def test_all_are_gone(self) -> None:
        """
        With all of them gone the answer is a page with status 503.
        """
        for name in NAMES:
            self.network.close(f"{name}.internal", 8080)
            for connection in self.machines[name].connections:
                connection.transport.abortConnection()
        self.settle()
        self.assertEqual(self.alice.get(APP + "/").status, 503)

    def test_dies_mid_way(self) -> None:
        """
        A machine that dies in the middle of a download breaks it off, and nothing else.
        """
        agent, name, upstream = self.hold()
        other, _, _ = self.hold()
        self.network.close(f"{name}.internal", 8080)
        upstream.transport.abortConnection()
        self.settle()
        self.assert_broken_off(agent)
        self.assertIsNone(other.lost)
        self.assertEqual(set(self.get(self.alice, 6)), set(NAMES) - {name})


class HealthTests(SeveralUpstreamsTestCase):
    """
    Machines are watched.
    """

    settings_of_app = {"health_checks": [CHECK], "outlier_detection": {"consecutive_5xx": 2}}

    def health(self) -> dict[str, tuple[bool, bool]]:
        """
        Which machines fail their checks, and which are ejected.
        """
        return {
            each.upstream.partition("//")[2].partition(".")[0]: (each.fails_checks, each.is_ejected)
            for each in self.house.layout.upstream_health()
        }

    def test_not_well(self) -> None:
        """
        A machine that does not answer its check well gets no requests until it does.
        """
        self.machines["two"].answer = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
        self.advance(6)
        self.asked()
        self.assertEqual(set(self.get(self.alice, 6)), {"one", "three"})
        self.assertEqual(self.health()["two"], (True, False))
        self.machines["two"].answer = self.machines["one"].answer
        self.advance(6)
        self.asked()
        self.assertEqual(set(self.get(self.alice, 6)), set(NAMES))

    def test_errors(self) -> None:
        """
        A machine whose answers are errors gets no requests for a while.
        """
        self.share(health_checks=None)
        self.machines["two"].answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
        for _ in range(6):
            self.alice.get(APP + "/")
        self.asked()
        self.assertEqual(self.health()["two"], (False, True))
        self.machines["two"].answer = self.machines["one"].answer
        self.assertEqual(set(self.get(self.alice, 6)), {"one", "three"})
        self.advance(41)
        self.assertEqual(set(self.get(self.alice, 6)), set(NAMES))

    def test_reload(self) -> None:
        """
        A reload keeps what is known of a machine, and asks by the new settings from then on, only by those.
        """
        self.machines["two"].answer = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
        self.advance(6)
        self.share("two", "three")
        self.asked()
        self.assertEqual(set(self.get(self.alice, 4)), {"three"})
        made = len(self.machines["one"].connections)
        self.advance(30)
        self.assertEqual(len(self.machines["one"].connections), made)

    def test_stop(self) -> None:
        """
        When the house has stopped nobody is asked any more.
        """
        self.house.stop()
        made = sum(len(machine.connections) for machine in self.machines.values())
        self.clock.advance(60)
        self.settle()
        self.assertEqual(sum(len(machine.connections) for machine in self.machines.values()), made)


class ReloadTests(SeveralUpstreamsTestCase):
    """
    Another list of machines.
    """

    def test_connections_stay(self) -> None:
        """
        Machines that stay keep their connections; what is under way at one that goes comes to its end, and then its
        connections are closed.
        """
        self.get(self.alice, 3)
        agent, name, upstream = self.hold()
        stays = [other for other in NAMES if other != name]
        self.share(*stays)
        made = {other: len(self.machines[other].connections) for other in NAMES}
        self.assertEqual(set(self.get(self.alice, 6)), set(stays))
        self.assertEqual({other: len(self.machines[other].connections) for other in NAMES}, made)
        upstream.say(b"x" * (1_000_000 - len(b"some of it")))
        self.settle()
        self.assertEqual(len(agent.take()), 1_000_000 - len(b"some of it"))
        self.assertIsNotNone(upstream.lost)

    def test_one_more(self) -> None:
        """
        A machine more has its share at once.
        """
        self.share("one", "two")
        self.assertEqual(set(self.get(self.alice, 4)), {"one", "two"})
        self.share()
        self.assertEqual(set(self.get(self.alice, 6)), set(NAMES))

    def test_from_one_to_several_and_back(self) -> None:
        """
        A route may have one upstream, then several, then one, with downloads going on all the while.
        """
        held = []
        for names in (("one",), NAMES, ("three",)):
            self.share(*names)
            held.append(self.hold())
        for agent, _, upstream in held:
            upstream.say(b"x" * (1_000_000 - len(b"some of it")))
            self.settle()
            self.assertEqual(len(agent.take()), 1_000_000 - len(b"some of it"))

"""
Who may sign a person out where no page or no click is seen: what browsers fetch ahead, service workers, other user
agents, plain http.
"""

from __future__ import annotations

from tests.interop import sign_out_ways
from tests.interop.case import SharingCase
from tests.interop.processes import eventually
from tests.interop.secure import FOREIGN
from tests.interop.sign_out_ways import (
    FRAMES,
    NAVIGATIONS,
    OWN_SCRIPTS,
    PREFETCHES,
    RESOURCES,
    SIGN_OUT,
    STATUS,
    Outcome,
    Way,
)
from tests.interop.wire import fetch


class PrefetchTests(sign_out_ways.SecureJudge):
    """
    What a browser fetches because somebody might click ends nothing, and does not stand in the way of the click.
    """

    def assert_prepared_in_vain(self, way: Way, *, statuses: tuple[int, ...] = (503,)) -> None:
        """
        The page makes the browser ask ahead in this *way*, in vain; the click that follows signs out.
        """
        cookie = self.signed_in()
        asked = len(self.answers(self.url))
        self.page.goto(f"{self.site.app}/")
        self.page.evaluate(f"url => {{ {way.script} }}", self.url)
        eventually("the browser asks ahead", lambda: len(self.answers(self.url)) > asked)
        self.assertIn(self.answers(self.url)[asked], statuses)
        # Time enough for a prerendered page to live.
        self.page.wait_for_timeout(300)
        self.assertTrue(self.is_signed_in(cookie))
        ends = len(self.proxy.receipts())
        self.assert_outcome(NAVIGATIONS[0], f"{self.site.app}/", self.url, Outcome.NOW)
        self.assertEqual(len(self.proxy.receipts()), ends + 1)

    def speculation(self, kind: str) -> Way:
        """
        Speculation rules, as sites use them to be faster.
        """
        return Way(
            kind,
            f"""
            const rules = {{ {kind}: [{{ source: 'list', urls: [url], eagerness: 'immediate' }}] }};
            const script = Object.assign(document.createElement('script'), {{ type: 'speculationrules' }});
            script.textContent = JSON.stringify(rules);
            document.head.append(script);
            return null;
            """,
            "nowhere",
        )

    def test_link_element(self) -> None:
        """
        ``<link rel=prefetch>``.
        """
        self.assert_prepared_in_vain(PREFETCHES[0])

    def test_prefetch_rules(self) -> None:
        """
        Speculation rules that fetch the page.
        """
        self.assert_prepared_in_vain(self.speculation("prefetch"))

    def test_prerender_rules(self) -> None:
        """
        Speculation rules that open the page out of sight.
        """
        self.assert_prepared_in_vain(self.speculation("prerender"))

    def test_rules_of_a_sibling(self) -> None:
        """
        Another host's page cannot have the person signed out ahead of a click either; after the click they are asked.
        """
        cookie = self.signed_in()
        asked = len(self.answers(self.url))
        self.page.goto(f"{self.site.public}/")
        self.page.evaluate(f"url => {{ {self.speculation('prefetch').script} }}", self.url)
        eventually("the browser asks ahead", lambda: len(self.answers(self.url)) > asked)
        self.assertEqual(self.answers(self.url)[asked], 503)
        self.assertTrue(self.is_signed_in(cookie))
        self.assert_outcome(NAVIGATIONS[0], f"{self.site.public}/", self.url, Outcome.QUESTION)


class ServiceWorkerTests(sign_out_ways.SecureJudge):
    """
    An application's service worker stands between the click and the proxy.
    """

    def install(self, handler: str) -> None:
        """
        The application has a service worker that answers so.
        """
        self.app.contents["/worker.js"] = (
            "text/javascript",
            f"""
            self.addEventListener('install', () => self.skipWaiting());
            self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
            self.addEventListener('fetch', (event) => {{ {handler} }});
            """,
        )
        self.signed_in()
        self.page.goto(f"{self.site.app}/")
        self.page.evaluate(
            """async () => {
              const controlled = new Promise((done) => { navigator.serviceWorker.oncontrollerchange = done; });
              await navigator.serviceWorker.register('/worker.js');
              await controlled;
            }"""
        )
        self.addCleanup(self.uninstall)

    def uninstall(self) -> None:
        """
        It is gone.
        """
        self.page.goto(f"{self.site.app}/.pomerium/")
        self.page.evaluate(
            """async () => {
              for (const each of await navigator.serviceWorker.getRegistrations()) { await each.unregister(); }
            }"""
        )

    def test_passes_on_the_request(self) -> None:
        """
        A worker that passes the navigation on does not prevent the sign-out.
        """
        self.install("event.respondWith(fetch(event.request));")
        self.assert_outcome(NAVIGATIONS[0], f"{self.site.app}/", self.url, Outcome.NOW)

    def test_fetches_by_address(self) -> None:
        """
        A worker that asks for the address itself signs nobody out: it does so for what no person has clicked, too.
        """
        self.install("event.respondWith(fetch(event.request.url));")
        cookie = self.signed_in()
        self.page.goto(f"{self.site.app}/")
        asked = len(self.answers(self.url))
        self.ask(NAVIGATIONS[0], f"{self.site.app}/", self.url)
        self.assert_answered(self.url, asked, Outcome.REFUSED)
        self.assertTrue(self.is_signed_in(cookie))


class OtherUserAgentTests(sign_out_ways.SecureJudge):
    """
    What no page can make Chromium ask for, but other user agents do.
    """

    def assert_by_hand(self, outcome: Outcome, *, method: str = "GET", **fields: str) -> None:
        """
        A request by hand with alice's cookie and these *fields* has that outcome.
        """
        cookie = self.signed_in()
        answer = self.fetch(self.url, cookie=cookie, method=method, **fields)
        self.assertEqual(answer.status, STATUS[outcome])
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(self.is_signed_in(cookie), outcome not in (Outcome.NOW, Outcome.NOW_JSON))
        if outcome is Outcome.NOW:
            self.assertIn("pomerium_ended=", answer.location)
        elif outcome is Outcome.QUESTION:
            self.assertIn("pomerium_confirm=", answer.location)

    def test_other_methods(self) -> None:
        """
        Only GET and POST sign out; the answer to others names them.
        """
        cookie = self.signed_in()
        for method in ("HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
            with self.subTest(method=method):
                answer = self.fetch(self.url, cookie=cookie, method=method)
                self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, POST"))
        self.assertTrue(self.is_signed_in(cookie))

    def test_prefetch_of_all_times(self) -> None:
        """
        Every way in which user agents ever said that they only ask ahead is understood.
        """
        fields = {
            "Sec_Purpose": "prefetch;prerender",
            "Purpose": "prefetch",
            "X_Purpose": "preview",
            "X_Moz": "prefetch",
        }
        for name, value in fields.items():
            with self.subTest(field=name):
                self.assert_by_hand(Outcome.NOT_YET, **{name: value})

    def test_no_fetch_metadata(self) -> None:
        """
        Without Fetch Metadata the origin decides, without it the referrer, and without either it was no page.
        """
        app, stranger = self.site.app, FOREIGN
        table: tuple[tuple[Outcome, dict[str, str]], ...] = (
            (Outcome.NOW, {"Origin": app}),
            (Outcome.NOW, {"Origin": app, "Referer": f"{stranger}/"}),
            (Outcome.QUESTION, {"Origin": stranger, "Referer": f"{app}/"}),
            (Outcome.QUESTION, {"Origin": "null"}),
            (Outcome.NOW, {"Referer": f"{app}/page"}),
            (Outcome.QUESTION, {"Referer": f"{stranger}/page"}),
            (Outcome.QUESTION, {"Referer": f"{app}.other.test/page"}),
            (Outcome.NOW, {}),
        )
        for outcome, fields in table:
            for method in ("GET", "POST"):
                with self.subTest(method=method, fields=fields):
                    self.assert_by_hand(outcome, method=method, **fields)

    def test_fetch_metadata_wins(self) -> None:
        """
        Where there is Fetch Metadata, neither origin nor referrer is looked at; what is unknown is a stranger's.
        """
        page = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
        self.assert_by_hand(Outcome.QUESTION, Sec_Fetch_Site="cross-site", Origin=self.site.app, **page)
        self.assert_by_hand(Outcome.QUESTION, Sec_Fetch_Site="of-the-future", Origin=self.site.app, **page)
        self.assert_by_hand(Outcome.NOW, Sec_Fetch_Site="same-origin", Origin=FOREIGN, **page)


class PlainHttpTests(sign_out_ways.Judge, SharingCase):
    """
    On this machine without TLS: every host is a site of its own, and browsers say so there too.
    """

    def start(self) -> None:
        """
        Alice is signed in at the application.
        """
        self.deploy()
        self.alice = self.person()
        self.page = self.alice.tab()
        self.sign_in(self.page, f"{self.site.app}/")
        self.url = f"{self.site.app}{SIGN_OUT}"

    def is_signed_in(self, cookie: str) -> bool:
        """
        Whether the application answers to *cookie*.
        """
        return fetch(f"{self.site.app}/", headers={"Cookie": cookie}).status == 200

    def test_own_page(self) -> None:
        """
        A click signs out, an image does not.
        """
        at = f"{self.site.app}/"
        self.assert_outcomes(NAVIGATIONS[:2], at, self.url, Outcome.NOW)
        self.assert_outcomes(OWN_SCRIPTS[:1], at, self.url, Outcome.NOW_JSON)
        self.assert_outcomes(RESOURCES[:1], at, self.url, Outcome.REFUSED)

    def test_other_host(self) -> None:
        """
        Who comes from another host is asked; what no person sees ends nothing.
        """
        at = f"{self.site.public}/"
        self.assert_outcomes(NAVIGATIONS[:2], at, self.url, Outcome.QUESTION)
        self.assert_outcomes(RESOURCES[:1], at, self.url, Outcome.REFUSED)
        self.assert_outcomes(FRAMES, at, self.url, Outcome.NOTHING)

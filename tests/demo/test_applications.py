"""
Tests for `pomerium_tx.demo.applications`.
"""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.demo.applications import SampleApplication
from tests.demo.test_application_pages import CLAIMS, LINKS, assertion
from tests.demo.test_logout_notices import ProxyNotices
from tests.demo.test_pages import Outline
from tests.demo.wire import Wire


class ApplicationCase(SynchronousTestCase):
    """
    The application, its clock, and a connection to it.
    """

    def setUp(self) -> None:
        """
        Nothing has been asked yet.
        """
        self.clock = Clock()
        self.notices = ProxyNotices(self.clock)
        self.application = SampleApplication(clock=self.clock, links=LINKS, notices=self.notices.notices)
        self.wire = Wire(self.application)

    def advance(self, interval: float, times: int) -> bytes:
        """
        What arrives while time passes.
        """
        received = b""
        for _ in range(times):
            self.clock.advance(interval)
            received += self.wire.received()
        return received


class PageTests(ApplicationCase):
    """
    The application's page.
    """

    def test_who(self) -> None:
        """
        The page says who the person is, as text.
        """
        head, content = self.wire.ask(b"GET", b"/", assertion(CLAIMS))
        self.assertEqual((head.status, head.get(b"cache-control")), (200, b"no-store"))
        for text in (b"You are Alice &lt;Liddell&gt;", b"alice@example.com", b"staff, x"):
            self.assertIn(text, content)

    def test_fields(self) -> None:
        """
        The page shows what the application received, the assertion shortened.
        """
        field = assertion(CLAIMS)
        _, content = self.wire.ask(b"GET", b"/?q=<b>", b"X-Own: <i>", field)
        self.assertIn(b"&lt;i&gt;", content)
        self.assertIn(b"GET /?q=&lt;b&gt;", content)
        self.assertNotIn(field[-40:], content)

    def test_links(self) -> None:
        """
        Sign out, who am I and the other application are one click away; the page is whole and loads its own parts only.
        """
        elements = Outline(self.wire.ask(b"GET", b"/")[1]).elements
        links = {attributes.get("href") for tag, attributes in elements if tag == "a"}
        self.assertLessEqual({"/.pomerium/sign_out", "/.pomerium/", "http://chat.localhost:8000/", "/download"}, links)
        alarm = [attributes for _, attributes in elements if attributes.get("id") == "alarm"]
        self.assertEqual([(found["role"], found["hidden"]) for found in alarm], [("alert", "hidden")])
        for path in (b"/app.js", b"/style.css"):
            self.assertEqual(self.wire.ask(b"GET", path)[0].status, 200)

    def test_script_finds_its_elements(self) -> None:
        """
        Every element that the script looks for is on the page.
        """
        page = self.wire.ask(b"GET", b"/")[1].decode()
        script = self.wire.ask(b"GET", b"/app.js")[1].decode()
        identifiers = [part.partition('"')[0] for part in script.split('element("')[1:]]
        self.assertTrue(identifiers)
        for identifier in identifiers:
            self.assertIn(f'id="{identifier}"', page)

    def test_elsewhere(self) -> None:
        """
        What is not there is 404, what is used wrongly 405 with what is allowed.
        """
        self.assertEqual(self.wire.ask(b"GET", b"/nothing")[0].status, 404)
        table = [
            (b"DELETE", b"/", b"GET, HEAD"),
            (b"GET", b"/upload", b"POST, PUT"),
            (b"GET", b"/logout_notice", b"POST"),
            (b"HEAD", b"/events", b"GET"),
        ]
        for method, path, allowed in table:
            with self.subTest(method=method, path=path):
                head, _ = self.wire.ask(method, path)
                self.assertEqual((head.status, head.get(b"allow")), (405, allowed))


class UploadTests(ApplicationCase):
    """
    The upload.
    """

    def post(self, *fields: bytes) -> None:
        """
        The head of an upload of ten bytes.
        """
        lines = b"".join(field + b"\r\n" for field in fields)
        self.wire.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n" + lines + b"\r\n")

    def test_counted(self) -> None:
        """
        Bytes are counted as they arrive; when all are there, a page or a line says how many.
        """
        for field, expected in ((b"Accept: text/html,*/*", b"<p>10 bytes arrived"), (b"Accept: */*", b"10 bytes arr")):
            with self.subTest(field=field):
                before = self.application.counters.bytes_uploaded
                self.post(field)
                self.assertEqual(self.wire.send(b"12345"), b"")
                self.assertEqual(self.application.counters.bytes_uploaded, before + 5)
                self.clock.advance(2)
                answer = self.wire.send(b"67890")
                self.assertIn(expected, answer)
                self.assertIn(b"in 2.0 seconds", answer)
        self.assertEqual(self.application.counters.uploads_complete, 2)

    def test_cut(self) -> None:
        """
        An upload that is cut is known as one.
        """
        self.post()
        self.wire.send(b"12345")
        self.wire.lose()
        counters = self.application.counters
        self.assertEqual((counters.uploads_complete, counters.uploads_cut, counters.bytes_uploaded), (0, 1, 5))

    def test_put(self) -> None:
        """
        ``curl -T`` works as well.
        """
        self.assertIn(b"0 bytes arrived", self.wire.ask(b"PUT", b"/upload", b"Content-Length: 0")[1])


class DownloadTests(ApplicationCase):
    """
    The download that never ends.
    """

    def begin(self) -> bytes:
        """
        The beginning of a download.
        """
        return self.wire.send(b"GET /download HTTP/1.1\r\nHost: a\r\n\r\n")

    def test_paced(self) -> None:
        """
        It sends 64 KiB in a second, hour after hour.
        """
        self.assertIn(b"attachment", self.begin())
        for _ in range(3):
            received = self.advance(0.25, 4)
            content = b"".join(received.split(b"4000\r\n")).replace(b"\r\n", b"")
            self.assertEqual(len(content), 65536)
        self.clock.advance(3600)
        self.assertFalse(self.wire.transport.disconnecting)

    def test_numbered(self) -> None:
        """
        Each line says how many bytes stand before it.
        """
        content = self.begin().partition(b"4000\r\n")[2]
        self.assertTrue(content.startswith(b"0000000000 bytes before this line"))
        self.assertIn(b"\n0000000064 bytes", content)
        self.assertIn(b"\n0000016384 bytes", b"\n" + self.advance(0.25, 1).partition(b"4000\r\n")[2])

    def test_waits_for_the_reader(self) -> None:
        """
        While the other side does not read, nothing is sent.
        """
        self.begin()
        producer = self.wire.transport.producer
        producer.pauseProducing()
        self.assertEqual(self.advance(0.25, 40), b"")
        producer.resumeProducing()
        self.assertNotEqual(self.advance(0.25, 1), b"")

    def test_cut(self) -> None:
        """
        Once it is cut nothing is left running.
        """
        self.begin()
        self.assertEqual(self.application.counters.downloads_open, 1)
        self.wire.lose()
        self.assertEqual(self.application.counters.downloads_open, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class EventsTests(ApplicationCase):
    """
    The event stream that never ends.
    """

    def test_every_second(self) -> None:
        """
        One event at once, and one each second.
        """
        begun = self.wire.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertIn(b"Content-Type: text/event-stream", begun)
        self.assertEqual(begun.count(b"\ndata: "), 1)
        received = self.advance(1, 5)
        self.assertEqual(received.count(b"\ndata: "), 5)
        self.assertIn(b'{"count": 6, "time": "1970-01-01T00:00:05+00:00"}', received)

    def test_cut(self) -> None:
        """
        Once it is cut nothing is left running.
        """
        self.wire.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.application.counters.events_open, 1)
        self.wire.lose()
        self.assertEqual(self.application.counters.events_open, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped_by_the_transport(self) -> None:
        """
        A transport that stops its producer stops the events.
        """
        self.wire.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        self.wire.transport.producer.stopProducing()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.wire.lose()


class CountersTests(ApplicationCase):
    """
    What has reached the application.
    """

    def test_counted(self) -> None:
        """
        Every request is counted but those for the numbers.
        """
        self.wire.ask(b"GET", b"/")
        self.wire.ask(b"GET", b"/nothing")
        self.wire.ask(b"GET", b"/counters")
        document = json.loads(self.wire.ask(b"GET", b"/counters")[1])
        self.assertEqual(document["requests"], 2)
        self.assertEqual(document["downloads_open"], 0)
        self.assertEqual((document["logouts_told"], document["logout_notices_refused"]), (0, 0))

    def test_told(self) -> None:
        """
        What the proxy tells of ends is counted and shown; what others tell is counted and believed no more.
        """
        self.assertIn(b"No session has ended yet", self.wire.ask(b"GET", b"/")[1])
        for token, status in ((self.notices.token(sid="0123456789abcdef"), b" 200 "), ("nonsense", b" 400 ")):
            answer = self.wire.send(self.notices.request(token))
            self.notices.settle()
            self.assertIn(status, answer + self.wire.received())
        self.assertIn(b"session 01234567... ended", self.wire.ask(b"GET", b"/")[1])
        document = json.loads(self.wire.ask(b"GET", b"/counters")[1])
        self.assertEqual((document["logouts_told"], document["logout_notices_refused"]), (1, 1))

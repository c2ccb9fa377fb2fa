"""
How load is asked for, and how its clients' words are read.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import load
from benchmarks.rivals.peer import Peer
from benchmarks.works import BROWSER, Work

WRK = """Running 2s test @ http://127.0.0.1:9010/small
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   709.13us    1.27ms  21.77ms   93.50%
    Req/Sec    41.08k     4.73k   50.15k    62.50%
  Latency Distribution
     50%  445.00us
     75%  561.00us
     90%    1.09ms
     99%    1.04s
  85836 requests in 2.10s, 28.82MB read
{remarks}Requests/sec:  40873.97
Transfer/sec:     13.72MB
"""
H2LOAD = """finished in 1.00s, 14931.25 req/s, 2.12MB/s
requests: 14931 total, 14939 started, 14931 done, 14900 succeeded, 31 failed, 4 errored, 2 timeout
status codes: 14900 2xx, 0 3xx, 20 4xx, 5 5xx
"""
PEER = Peer(name="nginx", title="nginx", pid=1, port=9010, host="app.localhost:9010", cookie="session=of-somebody")


class WrkTests(SynchronousTestCase):
    """
    wrk.
    """

    def test_figures(self) -> None:
        """
        Requests, their rate and their times are read whatever the unit; the spread of its statistics is no percentile.
        """
        outcome = load.read_wrk(WRK.format(remarks=""))
        self.assertEqual(
            outcome,
            load.Outcome(requests=85836, per_second=40873.97, p50_ms=0.445, p99_ms=1040.0, refused=0, broken=0),
        )

    def test_faults(self) -> None:
        """
        Refusals and every kind of broken connection are counted.
        """
        remarks = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 17\n"
        outcome = load.read_wrk(WRK.format(remarks=remarks))
        self.assertEqual((outcome.refused, outcome.broken), (17, 10))

    def test_something_else(self) -> None:
        """
        What is not its report is not taken for one.
        """
        with self.assertRaises(load.Unreadable):
            load.read_wrk("unable to connect to 127.0.0.1:9010 Connection refused\n")

    def test_session(self) -> None:
        """
        The session goes with every request, beside the other cookies, unless nobody has signed in.
        """
        for work, cookies in (
            (Work(name="", title="", peers=()), "session=of-somebody; theme=dark; _ga=GA1.1.1234567890.1764105600"),
            (Work(name="", title="", peers=(), other_cookies=""), "session=of-somebody"),
            (Work(name="", title="", peers=(), is_anonymous=True, other_cookies=""), None),
        ):
            with self.subTest(cookies):
                self.assertEqual(load.request_fields(PEER, work).get("Cookie"), cookies)

    def test_uploads(self) -> None:
        """
        Content is sent as a POST.
        """
        folder = Path(self.mktemp())
        folder.mkdir()
        command = load.wrk_command(folder, PEER, Work(name="", title="", peers=(), path="/upload", upload=77), 2)
        self.assertEqual(command[-1], "http://127.0.0.1:9010/upload")
        script = (folder / "script.lua").read_text()
        self.assertIn('wrk.method = "POST"', script)
        self.assertIn('string.rep("u", 77)', script)

    def test_variation(self) -> None:
        """
        Where no two requests are the same, the script numbers what differs and keeps what does not.
        """
        folder = Path(self.mktemp())
        folder.mkdir()
        load.wrk_command(folder, PEER, Work(name="", title="", peers=(), fields=BROWSER, is_varied=True), 2)
        script = (folder / "script.lua").read_text()
        self.assertIn('"GET /small/" .. number .. " HTTP/1.1', script)
        for name in ("Referer", "If-None-Match"):
            self.assertEqual(script.count(f"{name}: "), 1, script)
        self.assertIn('sec-ch-ua-platform: \\"Linux\\"\\r\\n', script)
        self.assertIn("Host: app.localhost:9010\\r\\n", script)


class H2loadTests(SynchronousTestCase):
    """
    h2load.
    """

    def test_figures(self) -> None:
        """
        The times are those of its list of requests, and failures are counted.
        """
        log = "".join(f"170000000{number}\t200\t{number * 1000}\n" for number in range(1, 101))
        outcome = load.read_h2load(H2LOAD, log)
        self.assertEqual(
            outcome,
            load.Outcome(requests=14900, per_second=14931.25, p50_ms=50.5, p99_ms=99.0, refused=25, broken=6),
        )

    def test_no_requests(self) -> None:
        """
        Without a request there is nothing to read.
        """
        with self.assertRaises(load.Unreadable):
            load.read_h2load(H2LOAD, "")

    def test_host(self) -> None:
        """
        The host that is asked for is sent once.
        """
        command = load.h2load_command(Path(), PEER, Work(name="", title="", peers=()), 2)
        self.assertIn(":authority: app.localhost:9010", command)
        self.assertFalse([part for part in command if part.startswith("Host:")])

    def test_end(self) -> None:
        """
        It is told how long, and where each connection closes how many: else it would never end.
        """
        for closes, option in ((False, "-D"), (True, "-n")):
            with self.subTest(option):
                work = Work(name="", title="", peers=(), closes=closes)
                self.assertIn(option, load.h2load_command(Path(), PEER, work, 2))

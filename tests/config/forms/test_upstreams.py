"""
Tests of `pomerium_tx.config.forms.upstreams`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.config.forms.upstreams import MOST_UPSTREAMS, UpstreamUrl, balancing_policy, upstream_url, upstreams

READ = [
    ("http://a", UpstreamUrl(scheme="http", host="a", port=80)),
    ("HTTPS://A.Example.com", UpstreamUrl(scheme="https", host="a.example.com", port=443)),
    ("http://10.0.0.1:3000/any/", UpstreamUrl(scheme="http", host="10.0.0.1", port=3000, path="/any/")),
    ("http://[::1]:8080,7", UpstreamUrl(scheme="http", host="::1", port=8080, weight=7)),
    ("http://a/any, 3", UpstreamUrl(scheme="http", host="a", port=80, path="/any", weight=3)),
    ("http://a/x,y", UpstreamUrl(scheme="http", host="a", port=80, path="/x,y")),
    ("http://a/x,y,1000000", UpstreamUrl(scheme="http", host="a", port=80, path="/x,y", weight=1_000_000)),
    ("unix:///run/app.sock", UpstreamUrl(scheme="http", socket="/run/app.sock")),
    ("unix:/run/app.sock,2", UpstreamUrl(scheme="http", socket="/run/app.sock", weight=2)),
    ("http+unix:///run/app.sock", UpstreamUrl(scheme="http", socket="/run/app.sock")),
    ("https+unix:///run/a b.sock", UpstreamUrl(scheme="https", socket="/run/a b.sock")),
]
"""
What is written, and what it means.
"""

REFUSED = [
    ("h2c://a:80", "write http://"),
    ("tcp://a:80", "only HTTP"),
    ("udp://a:80", "only HTTP"),
    ("ssh://a:22", "only HTTP"),
    ("ftp://a", "must begin with http://"),
    ("a:3000", "must begin with http://"),
    ("http://", "no valid host"),
    ("http://a?x", "query"),
    ("http://a/#", "query or a fragment"),
    ("http://u:p@a", "user name"),
    ("http://a,0", "weight"),
    ("http://a,", "weight"),
    ("http://a,-1", "weight"),
    ("http://a,1.5", "weight"),
    ("http://a,1000001", "weight"),
    ("http://a,9999999999999999999999", "weight"),
    ("http://a:80,x", "weight"),
    ("http://a,http://b", "several URLs in one string"),
    ("http://a,http://b,3", "several URLs in one string"),
    ("http://a, https://b", "several URLs in one string"),
    ("unix://run/app.sock", "absolute path"),
    ("unix:app.sock", "absolute path"),
    ("unix:///", "absolute path"),
    ("unix:////run/app.sock", "absolute path"),
    ("unix:///run/", "absolute path"),
    ("unix:///run/a\nb", "absolute path"),
    ("unix:///run/app.sock?x", "without ?"),
    ("unix:///run/%41", "without ?"),
    ("unix:///" + "x" * 107, "107 bytes"),
    (3, "a URL, not a number"),
]


class UpstreamUrlTests(SynchronousTestCase):
    """
    One ``to``.
    """

    def test_read(self) -> None:
        """
        Address, path, socket and weight are told apart.
        """
        for written, expected in READ:
            with self.subTest(written):
                self.assertEqual(upstream_url(written), expected)

    def test_refused(self) -> None:
        """
        What cannot be spoken to, or means nothing, is refused with what to write instead.
        """
        for written, words in REFUSED:
            with self.subTest(str(written)):
                self.assertIn(words, str(self.assertRaises(ValueError, upstream_url, written)))


class UpstreamsTests(SynchronousTestCase):
    """
    All of ``to``.
    """

    def test_one_or_several(self) -> None:
        """
        One URL is a list of one; each is kept as it was written, as often as it was.
        """
        for written, expected in (
            ("http://a", ("http://a",)),
            (["http://a"], ("http://a",)),
            (["http://a,2", "https://b:8443,1"], ("http://a,2", "https://b:8443,1")),
            (["unix:///a", "https+unix:///b"], ("unix:///a", "https+unix:///b")),
            (["http://a", "http://a"], ("http://a", "http://a")),
        ):
            with self.subTest(str(written)):
                self.assertEqual(upstreams(written), expected)

    def test_refused(self) -> None:
        """
        Weights are for all or for none, and a socket does not stand beside an address; a list says which is wrong.
        """
        for written, words in (
            ([], "URL of the application"),
            ("", "must begin with"),
            (None, "URL of the application"),
            ({"http://a": 1}, "URL of the application"),
            ([{"url": "http://a", "weight": 3}], "http://127.0.0.1:3000,3"),
            (["http://a,2", "http://b"], "for some URLs but not for all"),
            (["http://a", "unix:///b"], "mixes UNIX sockets"),
            (["http://a", "h2c://b"], "'h2c://b' begins with h2c://"),
            (["http://a"] * (MOST_UPSTREAMS + 1), "more than"),
        ):
            with self.subTest(str(written)[:60]):
                self.assertIn(words, str(self.assertRaises(ValueError, upstreams, written)))

    def test_password(self) -> None:
        """
        A password that does not belong there is not repeated.
        """
        problem = self.assertRaises(ValueError, upstreams, ["http://a", "http://me:secret@b"])
        self.assertNotIn("secret", str(problem))


class BalancingPolicyTests(SynchronousTestCase):
    """
    ``load_balancing_policy``.
    """

    def test_read(self) -> None:
        """
        Envoy's names and those of Pomerium's enumeration, in whichever case.
        """
        for written, expected in (
            ("ROUND_ROBIN", "round_robin"),
            ("maGLev", "maglev"),
            (" LEAST_REQUEST ", "least_request"),
            ("LOAD_BALANCING_POLICY_RING_HASH", "ring_hash"),
            ("load_balancing_policy_random", "random"),
            ("LOAD_BALANCING_POLICY_UNSPECIFIED", "round_robin"),
            ("", "round_robin"),
        ):
            with self.subTest(written):
                self.assertEqual(balancing_policy(written), expected)

    def test_refused(self) -> None:
        """
        Another word is refused with those that there are.
        """
        for written in ("CLUSTER_PROVIDED", "roundrobin", 3, ["RANDOM"]):
            with self.subTest(str(written)):
                problem = self.assertRaises(ValueError, balancing_policy, written)
                self.assertIn("ROUND_ROBIN, LEAST_REQUEST, RANDOM, RING_HASH, MAGLEV", str(problem))

"""
Tests for `pomerium_tx.web.signed_url`.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote_plus, urlencode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.web.signed_url import InvalidSignature, UrlSigner

NOW = 1700000000
KEY = bytes(range(32))
SIGN_OUT = "https://authenticate.example.com/.pomerium/sign_out"
REDIRECT = "pomerium_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye%3Fa%3D1%262"


class VectorTests(SynchronousTestCase):
    """
    What Pomerium signs, octet by octet.
    """

    VECTORS = (
        (
            b"test-key",
            "https://pomerium.io",
            1574117851,
            "?pomerium_expiry=1574118151&pomerium_issued=1574117851",
            "&pomerium_signature=XtvM-Y-oPvoGGV2Q5G0vrQ_CgNeYhVyTG5dHIqLsBOU%3D",
        ),
        (
            KEY,
            SIGN_OUT,
            NOW,
            "?pomerium_expiry=1700000300&pomerium_issued=1700000000",
            "&pomerium_signature=eA5upvhqtryY2UwOu-6W29Vfz0ZpUW4rrAZqTbu73nw%3D",
        ),
        (
            KEY,
            f"{SIGN_OUT}?{REDIRECT}",
            NOW,
            f"?pomerium_expiry=1700000300&pomerium_issued=1700000000&{REDIRECT}",
            "&pomerium_signature=jk26ZDhgyZsJrA5z3Inipg4u9Dui7V1iNYiPG-avLF4%3D",
        ),
    )

    def test_vectors(self) -> None:
        """
        A URL is signed exactly as Pomerium signs it, and verifies.
        """
        for key, url, now, query, signature in self.VECTORS:
            with self.subTest(url=url):
                signer = UrlSigner(key)
                signed = url.partition("?")[0] + query + signature
                self.assertEqual(signer.sign(url, now + 0.9), signed)
                signer.verify(signed, now)


class UrlSignerTests(SynchronousTestCase):
    """
    Tests for `UrlSigner`.
    """

    def setUp(self) -> None:
        """
        A signer and a URL with a repeated, an empty and a strange parameter.
        """
        self.signer = UrlSigner(KEY)
        self.url = self.signer.sign(f"{SIGN_OUT}?b=2&b=1&a=&c=%FF+%C3%A9~%2B", NOW)

    def _refused(self, url: str, now: float = NOW) -> str:
        refused = self.assertRaises(InvalidSignature, self.signer.verify, url, now)
        self.assertEqual(str(refused), refused.reason)
        return str(refused)

    def _changed(self, **changes: str) -> str:
        base, _, query = self.url.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
        changed = [(name, changes.pop(name, value)) for name, value in pairs]
        return f"{base}?{urlencode(changed + list(changes.items()), errors='surrogateescape')}"

    def test_in_the_order_of_their_names(self) -> None:
        """
        The parameters stand in the order of their names, the signature among them, wherever it comes.
        """
        for query in (
            "a=z",
            "z=a",
            "z=a&a=z",
            "pomerium_signaturf=1",
            "pomerium_a=1&q=2&pomerium_z=0",
            "q=1&pomerium_a=z",
        ):
            with self.subTest(query=query):
                signed = self.signer.sign(f"{SIGN_OUT}?{query}", NOW)
                names = [pair.partition("=")[0] for pair in signed.partition("?")[2].split("&")]
                self.assertEqual(names, sorted(names))
                self.assertIn("pomerium_signature", names)
                self.signer.verify(signed, NOW)

    def test_order_of_names_does_not_matter(self) -> None:
        """
        A user agent or proxy that orders parameters differently breaks nothing.
        """
        base, _, query = self.url.partition("?")
        others = sorted(query.split("&"), reverse=True, key=lambda pair: pair.partition("=")[0])
        self.signer.verify(f"{base}?{'&'.join(others)}", NOW)

    def test_order_of_values_matters(self) -> None:
        """
        The first of two values of a parameter cannot be made the second.
        """
        self._refused(self.url.replace("b=2&b=1", "b=1&b=2"))

    def test_octets_survive(self) -> None:
        """
        Octets that are no UTF-8 are signed as they are, not as what they resemble.
        """
        self.assertIn("c=%FF+%C3%A9~%2B", self.url)
        self._refused(self.url.replace("%FF", "%FE"))

    @given(st.text(max_size=40) | st.text(st.characters(max_codepoint=127), max_size=40))
    def test_parameters_are_encoded_as_anywhere(self, text: str) -> None:
        """
        A signed parameter is written as everybody writes it, whatever it holds.
        """
        url = UrlSigner(KEY).sign_parameters("https://example.com/", [("name", text)], NOW)
        self.assertIn(f"?name={quote_plus(text, errors='surrogateescape')}&", url)
        self.assertEqual(dict(parse_qsl(url.partition("?")[2], keep_blank_values=True))["name"], text)

    def test_signing_again_replaces(self) -> None:
        """
        A signed URL can be signed again, later.
        """
        again = self.signer.sign(self.url, NOW + 1000)
        self.signer.verify(again, NOW + 1000)
        self.assertEqual(again.count("pomerium_signature="), 1)

    WINDOW = ((-61, False), (-60, True), (0, True), (360, True), (361, False), (31536000, False))

    def test_window(self) -> None:
        """
        A link works for its five minutes and one minute of clock skew on either side.
        """
        for offset, is_valid in self.WINDOW:
            with self.subTest(offset=offset):
                if is_valid:
                    self.signer.verify(self.url, NOW + offset)
                else:
                    self._refused(self.url, NOW + offset)

    def test_lifetime(self) -> None:
        """
        A link works for as long as it was signed for, and nobody can prolong it.
        """
        url = self.signer.sign(SIGN_OUT, NOW, 600)
        self.signer.verify(url, NOW + 660)
        self.assertEqual(self._refused(url, NOW + 661), "The link has expired.")
        self._refused(self.url.replace(f"expiry={NOW + 300}", f"expiry={NOW + 600}"))

    def test_changes_are_refused(self) -> None:
        """
        Nothing of a signed URL can be changed, added, removed or repeated.
        """
        signature = self.url.partition("pomerium_signature=")[2]
        changed = {
            "value": self._changed(a="x"),
            "added": self._changed(z="1"),
            "added, empty": self.url + "&z=",
            "removed": self.url.replace("b=1&", ""),
            "removed, empty": self.url.replace("a=&", ""),
            "repeated, after": self.url + "&a=x",
            "repeated, before": self.url.replace("?", "?a=x&"),
            "scheme": self.url.replace("https://", "http://"),
            "host": self.url.replace("authenticate.", "evil."),
            "port": self.url.replace(".com/", ".com:8443/"),
            "path": self.url.replace("sign_out", "sign_in"),
            "slashes": self.url.replace("/.pomerium/", "//.pomerium/"),
            "issued": self._changed(pomerium_issued=str(NOW + 1)),
            "expiry": self._changed(pomerium_expiry=str(NOW + 301)),
            "signature": self.url.replace(signature, "A" + signature[1:] if signature[0] != "A" else "B"),
            "two signatures": f"{self.url}&pomerium_signature={signature}",
            "two expiries": f"{self.url}&pomerium_expiry={NOW + 300}",
            "fragment": self.url + "#x",
        }
        for name, url in changed.items():
            with self.subTest(name):
                self._refused(url)

    def test_malformed_is_refused(self) -> None:
        """
        Whatever a URL holds, it is refused in one way only.
        """
        malformed = {
            "no query": SIGN_OUT,
            "nothing": "",
            "no signature": self.url.partition("&pomerium_signature")[0],
            "no issued": self.url.replace("pomerium_issued", "x"),
            "no expiry": self.url.replace("pomerium_expiry", "x"),
            "empty signature": self._changed(pomerium_signature=""),
            "not base64": self._changed(pomerium_signature="!" * 43 + "="),
            "no padding": self.url.removesuffix("%3D"),
            "words for times": self._changed(pomerium_issued="now"),
            "negative": self._changed(pomerium_issued="-1"),
            "not ASCII digits": self._changed(pomerium_issued="\u0661"),
            "huge": self._changed(pomerium_expiry="9" * 5000),
            "lone surrogate": "https://\udcff" + self.url,
        }
        for name, url in malformed.items():
            with self.subTest(name):
                self._refused(url)

    def test_flood_of_parameters(self) -> None:
        """
        A URL of very many parameters is refused before they are read.
        """
        self.assertEqual(self._refused(self.url + "&x=" * 1000), "The link is malformed.")
        own = len(("pomerium_issued", "pomerium_expiry", "pomerium_signature"))
        self.signer.verify(self.signer.sign(f"{SIGN_OUT}?" + "&".join(["x="] * (100 - own)), NOW), NOW)
        self.assertEqual(self._refused(f"{SIGN_OUT}?" + "&".join(["x="] * 101)), "The link is malformed.")

    def test_other_spelling_of_the_signature(self) -> None:
        """
        The same octets in a second base64 spelling are not the signature.
        """
        at = self.url.index("%3D", self.url.index("pomerium_signature")) - 1
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        sibling = alphabet[alphabet.index(self.url[at]) ^ 1]
        self._refused(self.url[:at] + sibling + self.url[at + 1 :])

    def test_order_of_checks(self) -> None:
        """
        An expired link says so, so that the person can be told to try again.
        """
        self.assertEqual(self._refused(self._changed(a="x"), NOW + 10000), "The link has expired.")
        self.assertEqual(self._refused(self._changed(a="x")), "The link's signature does not match.")
        self.assertEqual(self._refused(SIGN_OUT), "The link is not signed.")
        twice = self.url + "&" + self.url[self.url.index("pomerium_issued") :]
        self.assertEqual(self._refused(twice), "The link is signed twice.")

    def test_other_key(self) -> None:
        """
        A URL signed with another key is refused.
        """
        self._refused(UrlSigner(b"x" * 32).sign(SIGN_OUT, NOW))

    def test_empty_key(self) -> None:
        """
        No signer exists without a key, nor signs what no server will see.
        """
        self.assertRaises(ValueError, UrlSigner, b"")
        self.assertRaises(ValueError, self.signer.sign, SIGN_OUT + "#top", NOW)

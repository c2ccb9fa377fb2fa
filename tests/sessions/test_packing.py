"""
Tests for `pomerium_tx.sessions.packing`.
"""

from __future__ import annotations

import base64
import hashlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.packing import AWAKE, Awake, Secrets, Seldom, pack, secrets_in, seldom_in

# Whatever JSON can say, and as the OP may say it: with line breaks, quotes and half characters.
_TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
# Opaque ones, signed ones, and what only looks like those.
_PARTS = st.binary(max_size=20).map(lambda octets: base64.urlsafe_b64encode(octets).rstrip(b"=").decode())
_TOKENS = _TEXTS | st.lists(_PARTS | _TEXTS | st.sampled_from(["A", "AB", "AA=", "A+/A", " AAAA", "\n"])).map(".".join)
_TIMES = st.floats(allow_nan=False) | st.integers(-(2**40), 2**40)
NO_SECRETS = Secrets("", "", None, None, None)


class PackingTests(SynchronousTestCase):
    """
    What is packed comes out again.
    """

    @settings(max_examples=200, deadline=None)
    @given(
        st.builds(
            Seldom,
            name=_TEXTS,
            nonce=st.none() | _TEXTS,
            authenticated=_TIMES,
            id_token_iat=_TIMES,
            claims=st.dictionaries(_TEXTS, st.lists(_VALUES, max_size=3).map(tuple), max_size=5),
        ),
        st.builds(
            Secrets,
            id_token=_TOKENS,
            access_token=_TOKENS,
            refresh_token=st.none() | _TOKENS,
            access_token_expires=st.none() | _TIMES,
            id_token_expires=st.none() | _TIMES,
        ),
    )
    def test_nothing_is_lost(self, seldom: Seldom, secrets: Secrets) -> None:
        """
        Names, times, claims and tokens are the same afterwards, whatever they are.
        """
        packed = pack(seldom, secrets)
        self.assertEqual(seldom_in(packed), seldom)
        self.assertEqual(secrets_in(packed), secrets)

    def test_claims_stay_as_they_are(self) -> None:
        """
        Nobody can change the claims of a session.
        """
        claims = seldom_in(pack(Seldom("", None, 0.0, 0.0, {"groups": ("a", "b")}), NO_SECRETS)).claims
        with self.assertRaises(TypeError):
            claims["groups"] = ()  # type: ignore[index] # that is it
        self.assertEqual(claims["groups"], ("a", "b"))

    def test_awake(self) -> None:
        """
        What was asked last is opened once for each, and of so many at most; of one that was packed anew nothing older
        is kept, and of one that is forgotten nothing at all.
        """
        awake, packed = Awake(), [pack(Seldom(f"{n}", None, 0.0, 0.0, {}), NO_SECRETS) for n in range(AWAKE + 5)]
        for number, one in enumerate(packed):
            seldom = awake.seldom_in(one, f"name {number}")
            self.assertEqual(seldom.name, f"{number}")
            self.assertIs(awake.seldom_in(one, f"name {number}"), seldom)
            self.assertEqual(len(awake), min(number + 1, AWAKE))
        self.assertEqual(awake.seldom_in(packed[0], f"name {AWAKE}").name, "0")
        self.assertEqual(len(awake), AWAKE)
        self.assertNotIn(packed[AWAKE], [one for one, _ in awake._opened.values()])
        for number in range(AWAKE + 5):
            awake.forget(f"name {number}")
        self.assertEqual(len(awake), 0)

    def test_it_is_small(self) -> None:
        """
        What people's claims have in common takes hardly any room.
        """
        claims = {"email_verified": (True,), "preferred_username": ("alice",), "given_name": ("A",), "locale": ("en",)}
        packed = pack(Seldom("Alice", None, 1_700_000_000.0, 1_700_000_000.0, claims), NO_SECRETS)
        self.assertLess(len(packed), 90)

    def test_what_tokens_and_claims_share(self) -> None:
        """
        What an ID Token says, and the claims say too, is kept once.
        """
        claims = {f"claim-{number}": (hashlib.sha256(bytes([number])).hexdigest(),) for number in range(10)}
        payload = json.dumps({name: values[0] for name, values in claims.items()}).encode()
        id_token = f"e30.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.c2ln"
        alone = pack(Seldom("", None, 0.0, 0.0, {}), NO_SECRETS._replace(id_token=id_token))
        both = pack(Seldom("", None, 0.0, 0.0, claims), NO_SECRETS._replace(id_token=id_token))
        self.assertLess(len(both), 1.3 * len(alone))

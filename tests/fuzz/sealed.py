"""
What we give to user agents to bring it back: session handles, signed URLs, the state of a sign-in.
"""

from __future__ import annotations

import base64
import zlib
from urllib.parse import parse_qsl

from pomerium_tx.authenticate.state import MAX_LENGTH, State, States, binding_of
from pomerium_tx.jose.jwt import MOST_BYTES, compact_hs256, open_hs256
from pomerium_tx.jose.strict_json import InvalidJSON, json_object
from pomerium_tx.sessions.handle import Carrier, Handle, Handles
from pomerium_tx.web.sealed import Sealer
from pomerium_tx.web.signed_url import EXPIRY, ISSUED, SIGNATURE, InvalidSignature, UrlSigner
from tests.fuzz.ways import lines_of

KEY = bytes(range(32))
NOW = 1_800_000_000.0
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=|&?%+ "


def changed(text: str, chance: int) -> str:
    """
    *text* with another character at one place.

    :param chance: Chooses both.
    """
    place = chance % len(text)
    instead = _ALPHABET[chance // len(text) % len(_ALPHABET)]
    return text[:place] + instead + text[place + 1 :]


def check_handle(octets: bytes) -> None:
    """
    What we have not made is no handle, wherever it is presented; what we made is the handle that was made.
    """
    handles = Handles(KEY, "_pomerium")
    assert handles.open(octets) is None or octets.startswith(b"eyJ")
    first, rest = lines_of(octets, 2)
    presented = handles.presented(
        cookies=[octets, b"_pomerium=" + first],
        authorization=[octets, b"Pomerium " + first],
        x_pomerium_authorization=[rest],
        query=octets,
    )
    assert presented.carrier is Carrier.COOKIE or not first.partition(b";")[0].strip(b" \t"), presented
    try:
        claims = json_object(octets)
    except InvalidJSON:
        claims = {"jti": rest.decode("latin-1"), "sub": first.decode("latin-1"), "iss": "", "aud": [], "iat": 1}
    # Made with our key, but not by this program.
    made = compact_hs256(claims, KEY)
    opened = Handles(KEY, "_pomerium").open(made.encode())
    assert opened is None or (opened.session_id and opened.session_id == claims["jti"]), opened
    text = first.decode("latin-1") or "s"
    minted = handles.mint(text, user_id=text, issuer=text, audience=[text], idp_id=text, now=NOW)
    if len(minted) <= 8_192:
        assert handles.open(minted.encode()) == Handle(text, text, text, (text,), text, NOW)
    chance = zlib.crc32(octets)
    other = changed(minted, chance)
    assert other == minted or handles.open(other.encode()) is None, other
    assert open_hs256(minted, KEY[1:]) is None or len(minted) > MOST_BYTES


def check_signed_url(octets: bytes) -> None:
    """
    Nothing but what we have signed is taken for signed, and nothing worse than a refusal comes of anything.
    """
    signer = UrlSigner(KEY)
    text = octets.decode("utf-8", "surrogateescape")
    try:
        signer.verify(text, NOW)
    except InvalidSignature as refusal:
        assert text not in refusal.reason or len(text) < 4, refusal.reason
    else:
        raise AssertionError("a signature was found that nobody has made")
    try:
        signed = signer.sign(text, NOW)
    except ValueError:
        return
    try:
        signer.verify(signed, NOW)
    except InvalidSignature:
        # More parameters than are read, or one that holds what another parser takes for a mark.
        assert signed.count("&") >= 90 or "?" in signed.partition("?")[2], signed
        return
    for later in (-61.0, 361.0):
        try:
            signer.verify(signed, NOW + later)
        except InvalidSignature:
            continue
        raise AssertionError("a signature without an end")
    other = changed(signed, zlib.crc32(octets))
    try:
        signer.verify(other, NOW)
    except InvalidSignature:
        return
    assert _meaning(other) == _meaning(signed), other


def _meaning(url: str) -> tuple[str, list[tuple[str, str]]]:
    base, _, query = url.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    assert {ISSUED, EXPIRY, SIGNATURE} <= {name for name, _ in pairs}
    return base, sorted(pairs, key=lambda pair: pair[0])


def check_state(octets: bytes) -> None:
    """
    A state that we have not sealed is none; one that we have comes back as it was, and no other spelling of it does.
    """
    sealer = Sealer(KEY)
    states = States(sealer)
    text = octets.decode("latin-1")
    assert states.open(text) is None
    assert states.open(base64.urlsafe_b64encode(octets).decode()) is None
    # What we have sealed for another purpose, with whatever is visible of a state.
    sealed = base64.urlsafe_b64decode(sealer.seal("other", octets) + "==")
    assert states.open(base64.urlsafe_b64encode(b"b|1||" + sealed).decode()) is None
    url = f"https://app.example.com/{text}"
    state = State(
        issued=NOW, nonce=text, browser=text, idp_id=text, return_url=url, uses_pkce=True, binding=binding_of(octets)
    )
    made = states.seal(state)
    if len(made) > MAX_LENGTH:
        return
    assert states.open(made) == state
    assert state.is_bound_to([octets]) and not state.is_bound_to([octets + b"x"])
    other = changed(made, zlib.crc32(octets))
    assert other == made or states.open(other) is None, other

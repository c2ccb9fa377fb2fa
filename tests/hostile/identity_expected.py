"""
What has to come of the cases about who somebody is: frozen, from what the documents say.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """
    The status of a case's answers, or None where none says it, and why.
    """

    status: int | None
    because: str
    overrules: str = ""
    """
    What the catalogue says instead.
    """


_SILENT = (
    "No document names the status. Decided: 502, the provider's answer is of no use, and it is not the person's fault."
)
_CALLBACK = "security.md 1.1-9, 1.2-15: no token request; 400, since what came is no answer to this browser's request."
_CUT = "sign-out.md §1.1, §1.2, §9: from t0 a page's request is sent to sign in, what is open is cut."

GROUPS: dict[str, Frozen] = {
    "signed-urls": Frozen(status=400, because="GHSA-fv82-r8qv-ch4v in security.md 2.1: 400, nothing changes."),
    "redirect-targets": Frozen(
        status=302, because="sign-out.md §3: what is not allowed is ignored, not an error; the sign-out goes on."
    ),
    "oidc-flow": Frozen(status=400, because=_CALLBACK),
    "id-token": Frozen(status=502, because=f"security.md 1.1-2 to 1.1-8, 1.3-28: refused. {_SILENT}"),
    "backchannel-logout": Frozen(status=400, because="sign-out.md §5: 400 with JSON on a bad token, no-store."),
    "frontchannel-logout": Frozen(status=200, because="sign-out.md §5: unknown pair or wrong iss: 200, nothing ended."),
    "after-sign-out": Frozen(status=302, because=_CUT),
    "config": Frozen(
        status=None,
        because="security.md, fail closed, and CVE-2026-54762: refused with file, line, key and what to do.",
    ),
    "information-leak": Frozen(status=None, because="security.md 1.10-86, 1.8-67 and the advisories of §2."),
    "jwks": Frozen(status=502, because=f"security.md 1.1-13: fail closed; keys that are known are used. {_SILENT}"),
    "idp-endpoints": Frozen(
        status=502, because=f"security.md §4, IdP outage: sessions go on, a login page says so. {_SILENT}"
    ),
}

_SAME_ID_TOKEN = "400 to 403 or 302; of the same token IT-068 to IT-072 allow 502."
_TOO_LONG = "400 to 403 or 302; RFC 9110 15.5.15 and security.md 1.8-53 have 414 for a target that is too long."
_SIGN_IN_TARGET = (
    "pomerium-behaviour.md §2: the link leads to a host of ours or is refused; unsigned it is always refused."
)
_NO_STATUS = "What must be so is looked at; no answer's status is meant."
_RELOADED = Frozen(
    status=403,
    because="sign-out.md §2: a reload that admits a person no more ends no session but cuts what is open on the route.",
    overrules="302 or 401; who is signed in and not admitted gets 403.",
)

_NO_STORE_FILE = (
    "Sessions are in memory (docs/architecture.md): there is no file of a store that could be full, new or cut."
)
NOT_HERE: dict[str, str] = {
    "CF-049": "A slash too many cannot be told before the provider is asked; then nobody signs in: see DI-082.",
    "LK-019": "There is no service for error pages: they are ours, and nobody else is asked for them.",
    **dict.fromkeys(("CF-075", "CF-076", "CF-077"), _NO_STORE_FILE),
}
"""
Why cases cannot apply.
"""
_WARNED = "that it is refused; nothing is weaker than what is written, and a warning says what it comes to."

CASES: dict[str, Frozen] = {
    "CF-033": Frozen(
        status=None,
        because="docs/routes.md: the first route that matches. Decided: a route that is never reached is warned of.",
        overrules=_WARNED,
    ),
    "CF-036": Frozen(
        status=None,
        because="docs/routes.md: expressions are RE2's, which takes time in proportion to what it is asked.",
        overrules="that it is refused; it is not dangerous here.",
    ),
    **{
        name: Frozen(
            status=None,
            because="docs/policy.md: what admits nobody denies everybody; the catalogue asks for that.",
            overrules="that it is refused; it starts, denies everybody, and a warning says so.",
        )
        for name in ("CF-038", "CF-040", "CF-042")
    },
    "CF-041": Frozen(
        status=None,
        because="pomerium-behaviour.md, route keys: public cannot be combined with the lists; with a policy it can.",
        overrules=_WARNED,
    ),
    **{
        name: Frozen(status=None, because="The catalogue asks for a warning; there is one.")
        for name in ("CF-057", "CF-070", "CF-072")
    },
    "CF-083": Frozen(
        status=None, because="docs/architecture.md, a reload's walk: the file is read whole, or nothing happens."
    ),
    "CF-084": Frozen(
        status=None, because="security.md §4: 1,000 reloads, 0 failed. In process, since it is about what is left."
    ),
    # signed-urls
    "SU-021": Frozen(
        status=302,
        because=(
            "architecture.md, canonical path: slashes are merged before anything looks at the path; "
            "it is the same link."
        ),
        overrules="400; it says and does what was signed, no more.",
    ),
    "SU-037": Frozen(
        status=302,
        because=(
            "sign-out.md §1.9 and CSRF of sign-in (RFC 9700 2.1): it signs nobody in. Decided: off "
            "to the application, as whom the browser is."
        ),
        overrules="400 to 403.",
    ),
    # information-leak
    "LK-007": Frozen(
        status=None,
        because="sign-out.md §6.6: without Fetch Metadata the Referer of our own pages counts; other origins get none.",
        overrules="no-referrer; same-origin is what our own pages need, and tells others nothing.",
    ),
    "LK-009": Frozen(
        status=302, because="sign-out.md §9: whoever has no session is sent to sign in, for whichever reason."
    ),
    "LK-010": Frozen(status=403, because="docs/policy.md: the page tells no reasons."),
    "LK-011": Frozen(status=404, because="docs/routes.md: a host that no route names is 404."),
    "LK-017": Frozen(
        status=None,
        because="sign-out.md §5, discovery: CORS * on /.well-known/pomerium, on nothing else, never with credentials.",
        overrules="that there is no * anywhere.",
    ),
    # oidc-flow
    "OF-013": Frozen(status=414, because=_CALLBACK, overrules=_TOO_LONG),
    "OF-043": Frozen(status=414, because=_CALLBACK, overrules=_TOO_LONG),
    **{
        name: Frozen(status=502, because=GROUPS["id-token"].because, overrules=_SAME_ID_TOKEN)
        for name in ("OF-029", "OF-031", "OF-045", "OF-050", "OF-051", "OF-052", "OF-053")
    },
    "OF-033": Frozen(
        status=302,
        because="sign-out.md §1.9: a sign-in that completes ends the browser's earlier session (cause replaced).",
        overrules="that no session is made: the title says that one is.",
    ),
    **{name: Frozen(status=None, because=_NO_STATUS) for name in ("OF-034", "OF-037", "OF-038", "OF-049")},
    "OF-041": Frozen(
        status=302, because="docs/architecture.md: a login in flight lives in its sealed state and cookies."
    ),
    "OF-042": Frozen(
        status=302, because="docs/architecture.md: a login in flight lives in its sealed state and cookies."
    ),
    "OF-047": Frozen(
        status=403,
        because="docs/policy.md: criteria are about what the provider says; one about email_verified is a claim's.",
        overrules="that no session is made: whom the policy does not admit is signed in and gets 403.",
    ),
    "OF-048": Frozen(
        status=403,
        because="docs/policy.md, matchers: all comparisons are exact, case counts, nothing is trimmed or normalised.",
        overrules="that no session is made: the person is signed in and gets 403.",
    ),
    "OF-054": Frozen(
        status=403,
        because="docs/policy.md, claims: a list of values, one value is a list of one.",
        overrules="that no session is made: the person is signed in and gets 403.",
    ),
    # backchannel-logout
    "LT-041": Frozen(status=413, because="sign-out.md §5: the body is capped at 64 KiB; RFC 9110 15.5.14."),
    "LT-056": Frozen(status=413, because="sign-out.md §5: the body is capped at 64 KiB; RFC 9110 15.5.14."),
    **{
        name: Frozen(status=200, because="sign-out.md §5: 200 on success and on already signed out.")
        for name in (
            "LT-054",
            "LT-055",
            "LT-067",
            "LT-068",
            "LT-069",
            "LT-073",
            "LT-076",
            "LT-078",
            "LT-079",
            "LT-080",
            "LT-081",
        )
    },
    "LT-077": Frozen(status=200, because="sign-out.md §1.7: a login in flight loses; one begun later is not affected."),
    "LT-075": Frozen(status=503, because="sign-out.md §5: 503 with Retry-After if the registry cannot."),
    **{
        name: Frozen(status=405, because="security.md 1.4-30: POST; RFC 9110 15.5.6 for everything else.")
        for name in ("LT-060", "LT-061", "LT-062", "LT-064", "LT-065")
    },
    # frontchannel-logout
    "FC-010": Frozen(
        status=200,
        because="sign-out.md §5: the answer is 200, always; two issuers are none.",
        overrules="400.",
    ),
    # sign-out
    "SO-001": Frozen(status=403, because="sign-out.md §6.4: cross-site, and no navigation: 403."),
    "SO-003": Frozen(
        status=200,
        because="sign-out.md §4: neither reference nor a valid token: the confirmation page, 200, nothing ended.",
        overrules="400 or 403.",
    ),
    "SO-007": Frozen(status=405, because="sign-out.md §3: others, HEAD too, 405 with Allow."),
    "SO-008": Frozen(status=503, because="sign-out.md §6.2: 503, no-store, nothing ended."),
    "SO-009": Frozen(status=302, because="sign-out.md §1.5: the same answer as for a live one."),
    "SO-010": Frozen(status=302, because="sign-out.md §3: same answer when there is no session."),
    "SO-011": Frozen(status=302, because="sign-out.md §3: the route cookie is cleared, same answer."),
    "SO-012": Frozen(
        status=503, because="sign-out.md §1.6: 503, the cookie is kept, the page says that nothing was ended."
    ),
    "SO-013": Frozen(
        status=302, because="sign-out.md §1, §4: the end is recorded first; an OP out of reach is passed over."
    ),
    "SO-015": Frozen(status=200, because="sign-out.md §4: an unknown, missing or reused state never redirects."),
    "SO-022": Frozen(status=405, because="sign-out.md §3: others 405 with Allow."),
    **{name: Frozen(status=None, because=f"sign-out.md §4. {_NO_STATUS}") for name in ("SO-014", "SO-018", "SO-021")},
    # jwks
    "JW-020": Frozen(status=200, because="RFC 7517 section 5: what is not understood is ignored."),
    "JW-025": Frozen(
        status=200, because="RFC 7517 section 4.5 demands no unique kid. Decided: each of that name is tried."
    ),
    # idp-endpoints
    **{
        f"DI-{number:03}": Frozen(
            status=302, because="sign-out.md §1.4: revocation is best effort, retried, and gates no answer."
        )
        for number in (61, 62, 64, 65, 67, 69, 70, 71, 75, 76, 77, 78, 79, 80)
    },
    "DI-087": Frozen(
        status=None,
        because="security.md 1.1-1: the issuer must be the same. Decided: endpoints may move, and the log says so.",
    ),
    "DI-088": Frozen(
        status=None, because="sign-out.md §4: no end_session_endpoint: to the target, else to signed_out."
    ),
    "DI-089": Frozen(status=None, because="security.md 1.2-16: without PKCE state and nonce protect."),
    "DI-093": Frozen(
        status=None,
        because=(
            "sign-out.md §2: only invalid_grant and a UserInfo 401 or 403 end a session on refresh; "
            "OIDC Core 12.2: such an answer is used for nothing."
        ),
        overrules="that the session ends; it ends when the access token that it has does.",
    ),
    "DI-096": Frozen(status=None, because="sign-out.md §2: 5xx keep it, log, and retry."),
    # redirect-targets
    "RD-149": Frozen(
        status=414,
        because="sign-out.md §3; security.md 1.8-53.",
        overrules="302, 303 or 400; RFC 9110 15.5.15 has 414 for a target that is too long.",
    ),
    "RD-162": Frozen(
        status=None,
        because=(
            "The list is another project's and is not kept here; as many targets of our own making, of the same kinds."
        ),
    ),
    "RD-163": Frozen(status=400, because="CVE-2021-29651 in security.md 2.1: 400."),
    "RD-066": Frozen(status=302, because=_SIGN_IN_TARGET),
    **{f"RD-{number:03}": Frozen(status=400, because=_SIGN_IN_TARGET) for number in range(1, 81) if number != 66},
    # after-sign-out
    **{f"AS-{number:03}": _RELOADED for number in range(61, 71)},
}


def frozen(case_id: str, group: str) -> Frozen | None:
    """
    What has to come of a case, if anything was written down.
    """
    return CASES.get(case_id) or GROUPS.get(group)

"""
Why a request would be answered as it would be: asked of the very table, policy and check that the daemon asks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final

from pomerium_tx import paths
from pomerium_tx.advice.plan import Plan, what_it_matches
from pomerium_tx.advice.requests import Unreadable, canonical_of, head_for
from pomerium_tx.advice.sent import what_is_answered, what_is_sent
from pomerium_tx.authorize.bearer import SeveralCredentials, bearer_token
from pomerium_tx.authorize.check import Authorizer
from pomerium_tx.authorize.verdict import Action, Verdict
from pomerium_tx.config.loader import Loaded
from pomerium_tx.config.problems import Place
from pomerium_tx.http11.canonical import Canonical
from pomerium_tx.http11.heads import BadRequest, RequestHead
from pomerium_tx.outside import client_authorities
from pomerium_tx.policy.client import Client
from pomerium_tx.policy.explanation import Explanation, explained
from pomerium_tx.routing.route import Route
from pomerium_tx.routing.table import RouteTable
from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.session import Session
from pomerium_tx.tls.client_certificate import Shown

_SESSION: Final = "explained"
_NO_CERTIFICATE: Final = "this supposes that no client certificate is shown: --certificate FILE shows one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    A request that nobody has made.
    """

    url: str
    person: Session | None
    """
    Who is signed in, at whichever provider the route asks for.
    """
    method: str = "GET"
    address: str = "127.0.0.1"
    certificate: bytes | None = field(default=None, repr=False)
    """
    What the browser shows where it is asked for one: PEM, its own first.
    """
    fields: tuple[tuple[str, str], ...] = ()
    """
    Those that the request has besides, or instead of, a browser's usual ones.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """
    What became of one route in the search for the one that counts.
    """

    place: Place
    origin: str
    matches: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """
    The answer, and how it comes about.
    """

    question: Question
    status: int
    """
    Of the answer; 200 where an application answers, 0 where there is no answer.
    """
    is_admitted: bool
    """
    Whether the request would be let through, or answered by a page of ours.
    """
    outcome: tuple[str, ...]
    """
    What would happen, in sentences.
    """
    target: str = ""
    """
    The path and query that are decided and sent, in canonical form.
    """
    tried: tuple[Tried, ...] = ()
    """
    The routes of this host in the order in which they count, up to the first that matches, and others that would.
    """
    route: Place | None = None
    rule: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    """
    Each rule and criterion, and whether it holds.
    """
    reasons: tuple[str, ...] = ()
    """
    As the log has them.
    """


class _OnePerson:
    """
    Where one session, or none, is found.
    """

    def __init__(self, session: Session | None) -> None:
        self._session = session

    def find(self, session_id: str) -> Session | None:
        return self._session if session_id == _SESSION else None


def explain(loaded: Loaded, question: Question) -> Explained:
    """
    What would become of a request, and why.

    :raises Unreadable: If the question is no request.
    :raises UnusableCertificate: If its certificate is none.
    """
    plan = Plan(loaded)
    shown = _shown(plan, question)
    if shown is not None and not shown.is_welcome:
        problem = "none is shown" if shown.certificate is None else shown.certificate.problem
        words = f"the connection is refused, for its certificate: {problem}"
        return Explained(question=question, status=0, is_admitted=False, outcome=(words,))
    try:
        head = head_for(question.url, method=question.method, fields=question.fields)
        canonical = canonical_of(head, plan.config)
    except BadRequest as bad:
        return _refused(question, bad)
    route = plan.table.find(canonical)
    if route is not None and plan.bearer_token_format_of(route) != "default":
        _refuse_tokens(head)
    session = None
    if question.person is not None:
        idp_id = "" if route is None else plan.idp_id_of(route)
        session = replace(question.person, id=_SESSION, idp_id=idp_id, expires=inf)
    head = _with_session(plan, question, session)
    client = Client(address=question.address).showing(shown)
    verdict = _authorizer(plan, session).decide(head, canonical, client)
    tried = () if verdict.action is Action.OWN_PATH else tuple(_tried(plan, canonical, verdict.route))
    if verdict.route is None:
        return Explained(
            question=question,
            status=verdict.status,
            is_admitted=verdict.allow,
            outcome=tuple(_without_route(plan, canonical, verdict)),
            target=canonical.target.decode("ascii"),
            tried=tried,
            reasons=(*verdict.reasons, *verdict.denials),
        )
    grounds = explained(plan.rules_of(verdict.route), verdict.session, head, canonical, client)
    try:
        outcome = tuple(_outcome(plan, verdict, head, canonical, grounds))
        if shown is not None and question.certificate is None:
            outcome = (*outcome, _NO_CERTIFICATE)
        status = verdict.status
    except BadRequest as bad:
        return replace(_refused(question, bad), tried=tried, route=plan.place_of(verdict.route))
    return Explained(
        question=question,
        status=status,
        is_admitted=verdict.action in (Action.PROCEED, Action.ANSWER),
        outcome=outcome,
        target=canonical.target.decode("ascii"),
        tried=tried,
        route=plan.place_of(verdict.route),
        rule=plan.rule_of(verdict.route),
        grounds=tuple(grounds.lines()),
        reasons=(*verdict.reasons, *verdict.denials),
    )


def _refuse_tokens(head: RequestHead) -> None:
    try:
        token = bearer_token(head.get_all(b"authorization"))
    except SeveralCredentials:
        token = b""
    if token is not None:
        raise Unreadable("a bearer token would decide, which cannot be verified from here: say --as instead")


def _shown(plan: Plan, question: Question) -> Shown | None:
    authorities = client_authorities(plan.config)
    if authorities is None:
        return None
    if question.certificate is None:
        return Shown(certificate=None, is_welcome=not authorities.rejects)
    return authorities.judge(question.certificate, time.time())


def _refused(question: Question, bad: BadRequest) -> Explained:
    return Explained(
        question=question,
        status=bad.status,
        is_admitted=False,
        outcome=(f"it is answered {bad.status}, whoever asks: {bad.reason}",),
    )


def _with_session(plan: Plan, question: Question, session: Session | None) -> RequestHead:
    """
    The head of the request, with the cookie of *session*.
    """
    fields = question.fields
    if session is not None:
        handle = _handles(plan).mint(
            session.id, user_id=session.user_id, issuer="", audience=(), idp_id=session.idp_id, now=0.0
        )
        fields = (*fields, ("Cookie", f"{plan.config.cookie_name}={handle}"))
    return head_for(question.url, method=question.method, fields=fields)


def _handles(plan: Plan) -> Handles:
    return Handles(plan.config.shared_secret.get_secret_value(), plan.config.cookie_name)


def _authorizer(plan: Plan, session: Session | None) -> Authorizer:
    return Authorizer(
        plan.table,
        _OnePerson(session),
        _handles(plan),
        idp_id_of=plan.idp_id_of,
        authenticate_origin=plan.config.authenticate_service_url,
    )


def _tried(plan: Plan, canonical: Canonical, chosen: Route | None) -> Iterator[Tried]:
    """
    The routes whose host is the one asked. Each is asked as if it were the only one.
    """
    is_later = False
    for route in plan.routes:
        alone = RouteTable([route])
        if alone.at(canonical.host, canonical.port) is None:
            continue
        matches = alone.find(canonical) is not None
        if route is chosen:
            outcome, is_later = "is the one", True
        elif not matches:
            if is_later:
                continue
            outcome = "is for other paths"
        elif is_later:
            outcome = "matches too, but comes later"
        else:
            outcome = "matches too, but another one goes before it"
        yield Tried(
            place=plan.place_of(route),
            origin=plan.section_of(route).from_,
            matches=what_it_matches(route),
            outcome=outcome,
        )


def _without_route(plan: Plan, canonical: Canonical, verdict: Verdict) -> Iterator[str]:
    if verdict.action is Action.OWN_PATH:
        yield f"one of our own pages answers: {canonical.path.decode('ascii')}"
        if canonical.path.decode("ascii") not in (paths.PING, paths.HEALTHZ):
            yield "what it shows, and to whom, is its own affair: see docs/sign-out.md"
    elif plan.table.serves(canonical.host, canonical.port):
        yield "it is answered 404: no route of this host is for this path"
    elif verdict.origin is not None:
        yield "it is answered 404: the authenticate host has no such page"
    else:
        yield "it is answered 404: no route is for this host"


def _outcome(
    plan: Plan, verdict: Verdict, head: RequestHead, canonical: Canonical, grounds: Explanation
) -> Iterator[str]:
    route = verdict.route
    assert route is not None
    provider = plan.provider_of(route).settings
    match verdict.action:
        case Action.PROCEED:
            yield from what_is_sent(plan, route, head, canonical)
        case Action.ANSWER:
            yield from what_is_answered(route, head, canonical)
        case Action.SIGN_IN:
            yield f"it is answered 302: the person is sent to sign in at {provider.issuer} ({provider.name})"
        case Action.UNAUTHORIZED:
            yield "it is answered 401: nobody is signed in, and this request cannot be sent to a provider for that"
        case Action.ROBOTS:
            yield "it is answered 200 with a robots.txt that keeps everything out"
        case _:
            yield f"it is answered {verdict.status} {verdict.reason}: {_why(verdict, grounds)}"


def _why(verdict: Verdict, grounds: Explanation) -> str:
    said = [rule.words for rule in grounds.deciding] if grounds.decision.deny else []
    if said:
        return f"a rule denies it ({'; '.join(said)})"
    if not grounds.decision.allow:
        return "no rule allows it"
    return f"the rules would allow it, but not so ({', '.join(verdict.denials)})"

"""
The resource tree of the authenticate host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource

from pomerium_tx.authenticate.browser import Browsers
from pomerium_tx.authenticate.callback import CallbackPage
from pomerium_tx.authenticate.code_verifiers import CodeVerifierCookies
from pomerium_tx.authenticate.hold import Holds
from pomerium_tx.authenticate.my_sessions import SESSIONS, EndSessionsPage, MySessionsPage, OwnSessions
from pomerium_tx.authenticate.pages import RobotsPage, RootPage, WellKnownPage
from pomerium_tx.authenticate.program_consent import ProgramConsents
from pomerium_tx.authenticate.recent_authentication import RecentAuthentication
from pomerium_tx.authenticate.sign_in import SignInPage
from pomerium_tx.authenticate.sign_in_request import SignInRequests
from pomerium_tx.authenticate.sign_out import SignOutPage
from pomerium_tx.authenticate.signed_out import SignedOutPage
from pomerium_tx.authenticate.start import SignInStart
from pomerium_tx.authenticate.state import States
from pomerium_tx.logout.confirmation import Confirmations
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.front_channel import FrontChannel
from pomerium_tx.logout.handover import Handovers
from pomerium_tx.logout.late_tokens import LateTokens
from pomerium_tx.logout.rp_initiated import RelyingPartyLogout
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.logout.session_events import (
    EVENTS,
    SCRIPT,
    SessionEvents,
    SessionEventsPage,
    SessionEventsScriptPage,
)
from pomerium_tx.logout.site_data import ClearingImages, SiteData
from pomerium_tx.logout.target import Targets
from pomerium_tx.logout.urls import SignOutUrls
from pomerium_tx.oidc.provider import Provider
from pomerium_tx.sessions.handle import Handles
from pomerium_tx.sessions.registry import SessionRegistry
from pomerium_tx.sessions.session import Session
from pomerium_tx.web.csrf import Csrf
from pomerium_tx.web.programmatic import ProgrammaticRedirects
from pomerium_tx.web.resource import Folder
from pomerium_tx.web.sealed import Sealer
from pomerium_tx.web.signed_url import UrlSigner


def authenticate_site(
    *,
    authenticate_origin: str,
    registry: SessionRegistry,
    providers: Mapping[str, Provider],
    default_idp_id: str,
    ending: Ending,
    late_tokens: LateTokens,
    targets: Targets,
    cookie: CookieSettings,
    handles: Handles,
    csrf: Csrf,
    sealer: Sealer,
    url_signer: UrlSigner,
    serves_origin: Callable[[str], bool],
    origin_of_host: Callable[[str], str | None],
    redirects: ProgrammaticRedirects,
    asks_for_programs: bool,
    from_same_site_now: bool,
    session_begun: Callable[[Session], None],
    jwks: IResource,
    ping: IResource,
    healthz: IResource,
    session_events: SessionEvents,
    clock: IReactorTime,
    site_data: SiteData,
    back_channel: IResource,
    forward_auth: Mapping[bytes, IResource] = MappingProxyType({}),
) -> Folder:
    """
    The root of the tree.

    :param back_channel: The page to which OPs post logout tokens, the same on every host.
    :param forward_auth: The pages, by name, at which other proxies ask.
    :param session_events: Who listens for the end of sessions; the same for all hosts.
    :param cookie: The ``cookie_*`` options, with the route hosts' cookie name.
    :param serves_origin: Whether a URL's origin is that of a configured route.
    :param origin_of_host: The external origin of a route host, which may be written with its port.
    :param redirects: Where programs may have handles sent.
    :param asks_for_programs: Whether a person is asked before: the setting ``programmatic_login: confirm``.
    :param from_same_site_now: The setting ``sign_out_from_same_site: now``.
    :param session_begun: Told each session that begins, for the audit log.
    """
    host = urlsplit(authenticate_origin).netloc
    urls = SignOutUrls(url_signer, authenticate_origin)
    browsers = Browsers(
        registry=registry, handles=handles, cookie=cookie, csrf=csrf, authenticate_host=host, clock=clock
    )
    holds = Holds(
        registry=registry,
        cookie=cookie,
        sealer=sealer,
        issuers=lambda: {provider.settings.issuer for provider in providers.values()},
    )
    states = States(sealer)
    code_verifiers = CodeVerifierCookies(cookie, sealer)
    start = SignInStart(
        providers=providers,
        default_idp_id=default_idp_id,
        browsers=browsers,
        holds=holds,
        states=states,
        code_verifiers=code_verifiers,
        sealer=sealer,
        clock=clock,
    )
    requests = SignInRequests(serves_origin=serves_origin, origin_of_host=origin_of_host, redirects=redirects)
    consents = ProgramConsents(browsers=browsers, requests=requests, redirects=redirects, sealer=sealer, clock=clock)
    sign_in = SignInPage(
        registry=registry,
        browsers=browsers,
        holds=holds,
        start=start,
        requests=requests,
        consents=consents if asks_for_programs else None,
        handovers=Handovers(sealer),
        url_signer=url_signer,
        authenticate_host=host,
        clock=clock,
    )
    callback = CallbackPage(
        registry=registry,
        providers=providers,
        browsers=browsers,
        holds=holds,
        states=states,
        code_verifiers=code_verifiers,
        ending=ending,
        late_tokens=late_tokens,
        url_signer=url_signer,
        authenticate_origin=authenticate_origin,
        session_lifetime=cookie.lifetime,
        session_begun=session_begun,
        clock=clock,
    )
    own_sessions = OwnSessions(
        registry=registry, browsers=browsers, holds=holds, start=start, sealer=sealer, clock=clock
    )
    recent = RecentAuthentication(start=start, clock=clock)
    relying_party_logout = RelyingPartyLogout(
        registry=registry, providers=providers, targets=targets, signed_out_url=urls.signed_out
    )
    sign_out = SignOutPage(
        registry=registry,
        providers=providers,
        browsers=browsers,
        holds=holds,
        sessions=own_sessions,
        recent=recent,
        ending=ending,
        front_channel=FrontChannel(registry=registry, providers=providers, ending=ending),
        relying_party_logout=relying_party_logout,
        confirmations=Confirmations(sealer),
        targets=targets,
        urls=urls,
        url_signer=url_signer,
        from_same_site_now=from_same_site_now,
        clock=clock,
    )
    pomerium = Folder()
    pomerium.putChild(b"", MySessionsPage(registry=registry, browsers=browsers, sessions=own_sessions, recent=recent))
    pomerium.putChild(
        SESSIONS.encode(), EndSessionsPage(browsers=browsers, sessions=own_sessions, recent=recent, ending=ending)
    )
    pomerium.putChild(
        EVENTS.encode(),
        SessionEventsPage(events=session_events, session_of=lambda request: browsers.read(request).session),
    )
    pomerium.putChild(SCRIPT.encode(), SessionEventsScriptPage())
    pomerium.putChild(b"sign_in", sign_in)
    pomerium.putChild(b"sign_out", sign_out)
    pomerium.putChild(b"backchannel_logout", back_channel)
    images = ClearingImages(registry=registry, url_signer=url_signer, site_data=site_data, clock=clock)
    pomerium.putChild(
        b"signed_out",
        SignedOutPage(
            registry=registry,
            browsers=browsers,
            holds=holds,
            ending=ending,
            relying_party_logout=relying_party_logout,
            urls=urls,
            images=images,
            targets=targets,
            clock=clock,
        ),
    )
    for name, page in forward_auth.items():
        pomerium.putChild(name, page)
    oauth2 = Folder()
    oauth2.putChild(b"callback", callback)
    well_known_pomerium = WellKnownPage(browsers=browsers)
    well_known_pomerium.putChild(b"", WellKnownPage(browsers=browsers))
    well_known_pomerium.putChild(b"jwks.json", jwks)
    well_known = Folder()
    well_known.putChild(b"pomerium", well_known_pomerium)
    root = Folder()
    root.putChild(b"", RootPage())
    root.putChild(b".pomerium", pomerium)
    root.putChild(b"oauth2", oauth2)
    root.putChild(b".well-known", well_known)
    root.putChild(b"robots.txt", RobotsPage())
    root.putChild(b"ping", ping)
    root.putChild(b"healthz", healthz)
    return root

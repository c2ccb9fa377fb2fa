"""
The resource tree that every route host has, whatever its routes are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource

from pomerium_tx.assertion.assertion import Assertions
from pomerium_tx.bearer.route_tokens import RouteTokens
from pomerium_tx.dashboard.api import ApiFolder, ProgrammaticLoginPage
from pomerium_tx.dashboard.callback import RouteCallbackPage
from pomerium_tx.dashboard.clear_cache import ClearCachePage
from pomerium_tx.dashboard.login import LoginCookies, LoginStart
from pomerium_tx.dashboard.portal import Accessible, PortalPage, as_json, as_links
from pomerium_tx.dashboard.presented import RouteSessions
from pomerium_tx.dashboard.published import WellKnownPage
from pomerium_tx.dashboard.sign_in import RouteSignIn
from pomerium_tx.dashboard.sign_out import RouteSignOutPage
from pomerium_tx.dashboard.user import JwtPage, MayEnter, UserPage, WhoAmIPage
from pomerium_tx.dashboard.visit import VisitPage
from pomerium_tx.logout.confirmation import Confirmations
from pomerium_tx.logout.ending import Ending
from pomerium_tx.logout.front_channel import FrontChannel
from pomerium_tx.logout.handover import Handovers
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
from pomerium_tx.web.programmatic import ProgrammaticRedirects
from pomerium_tx.web.resource import Folder
from pomerium_tx.web.sealed import Sealer
from pomerium_tx.web.signed_url import UrlSigner


def route_site(
    *,
    authenticate_origin: str,
    registry: SessionRegistry,
    ending: Ending,
    targets: Targets,
    cookie: CookieSettings,
    handles: Handles,
    sealer: Sealer,
    url_signer: UrlSigner,
    assertions: Assertions,
    login: LoginStart,
    idp_id_of: Callable[[str], str],
    serves_origin: Callable[[str], bool],
    redirects: ProgrammaticRedirects,
    tokens_at: Callable[[str], Sequence[RouteTokens]] = lambda origin: (),
    from_same_site_now: bool,
    jwks: IResource,
    ping: IResource,
    healthz: IResource,
    session_events: SessionEvents,
    clock: IReactorTime,
    site_data: SiteData,
    providers: Mapping[str, Provider],
    back_channel: IResource,
    accessible: Accessible | None = None,
    gives_jwt_to: MayEnter | None = None,
) -> Folder:
    """
    The root of the tree. One serves all route hosts: a request says which host it is for.

    :param accessible: The routes that are open to a person; None where nobody is shown them.
    :param gives_jwt_to: Who may have the assertion of a host; None where nobody is given one.
    :param back_channel: The page to which OPs post logout tokens, the same on every host.
    :param session_events: Who listens for the end of sessions; the same for all hosts.
    :param idp_id_of: The OP that an origin's routes want people from.
    :param serves_origin: Whether a URL's origin is that of a configured route.
    :param redirects: Where programs may have handles sent.
    :param tokens_at: The bearer tokens that routes of an origin take.
    :param from_same_site_now: The setting ``sign_out_from_same_site: now``.
    """
    sessions = RouteSessions(registry, handles, idp_id_of, tokens_at)
    login_cookies = LoginCookies(cookie.name)
    callback = Folder()
    callback.putChild(
        b"",
        RouteCallbackPage(
            registry=registry,
            handles=handles,
            handovers=Handovers(sealer),
            sessions=sessions,
            ending=ending,
            url_signer=url_signer,
            cookie=cookie,
            login_cookies=login_cookies,
            serves_origin=serves_origin,
            redirects=redirects,
            clock=clock,
        ),
    )
    visit = VisitPage(login=login, cookies=login_cookies, url_signer=url_signer, clock=clock)
    callback.putChild(b"visit", visit)
    sign_out = RouteSignOutPage(
        sessions=sessions,
        ending=ending,
        front_channel=FrontChannel(registry=registry, providers=providers, ending=ending),
        targets=targets,
        confirmations=Confirmations(sealer),
        urls=SignOutUrls(url_signer, authenticate_origin),
        cookie=cookie,
        from_same_site_now=from_same_site_now,
        site_data=site_data,
        clock=clock,
    )
    images = ClearingImages(registry=registry, url_signer=url_signer, site_data=site_data, clock=clock)
    sign_in = RouteSignIn(sessions=sessions, login=login, idp_id_of=idp_id_of, clock=clock)
    pomerium = Folder()
    pomerium.putChild(
        b"",
        WhoAmIPage(
            sessions=sessions,
            assertions=assertions,
            authenticate_origin=authenticate_origin,
            has_portal=accessible is not None,
        ),
    )
    pomerium.putChild(b"user", UserPage(sessions=sessions, assertions=assertions, sign_in=sign_in))
    if gives_jwt_to is not None:
        jwt = JwtPage(sessions=sessions, assertions=assertions, sign_in=sign_in, may_enter=gives_jwt_to)
        pomerium.putChild(b"jwt", jwt)
    version = ApiFolder()
    version.putChild(
        b"login", ProgrammaticLoginPage(login=login, redirects=redirects, idp_id_of=idp_id_of, clock=clock)
    )
    api = ApiFolder()
    api.putChild(b"v1", version)
    pomerium.putChild(b"api", api)
    if accessible is not None:
        for parent, listed in ((pomerium, as_links), (version, as_json)):
            page = PortalPage(sessions=sessions, sign_in=sign_in, accessible=accessible, listed=listed)
            parent.putChild(b"routes", page)
    pomerium.putChild(EVENTS.encode(), SessionEventsPage(events=session_events, session_of=sessions.session))
    pomerium.putChild(SCRIPT.encode(), SessionEventsScriptPage())
    pomerium.putChild(b"sign_out", sign_out)
    pomerium.putChild(b"backchannel_logout", back_channel)
    pomerium.putChild(b"callback", callback)
    pomerium.putChild(b"clear_cache", ClearCachePage(images))
    well_known_pomerium = WellKnownPage(authenticate_origin=authenticate_origin)
    well_known_pomerium.putChild(b"", WellKnownPage(authenticate_origin=authenticate_origin))
    well_known_pomerium.putChild(b"jwks.json", jwks)
    well_known = Folder()
    well_known.putChild(b"pomerium", well_known_pomerium)
    root = Folder()
    root.putChild(b".pomerium", pomerium)
    root.putChild(b".well-known", well_known)
    root.putChild(b"ping", ping)
    root.putChild(b"healthz", healthz)
    return root

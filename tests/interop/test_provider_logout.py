"""
Logouts that begin at the provider, or end there, with three providers that this project has not written.
"""

from __future__ import annotations

from tests.interop import provider_logout
from tests.interop.deployment import DeploymentCase
from tests.interop.glewlwyd import Glewlwyd
from tests.interop.oidc_provider import WITH_FRONT_CHANNEL
from tests.interop.processes import eventually
from tests.interop.wire import fetch

WITHOUT_EXPIRY = {"backchannel_logout_allow_missing_exp": True}


class NewestTests(provider_logout.ProviderLogoutContract, provider_logout.SeveralBrowsersContract):
    """
    oidc-provider 9: the back channel.
    """

    channels = ("back",)
    causes = ("back_channel",)

    def test_provider_counts_it_as_told(self) -> None:
        """
        The provider takes the answer for a success, for another's logout and for our own.
        """
        told = self.op.told().count("the-proxy")
        _, page = self.newcomer()
        self.sign_out_at_the_second_party(page)
        eventually("it is told", lambda: self.op.told().count("the-proxy") == told + 1)
        _, page = self.newcomer()
        page.goto(f"{self.site.app}/.pomerium/sign_out")
        self.op.agree(page)
        eventually("it is told again", lambda: self.op.told().count("the-proxy") == told + 2)
        self.assertEqual(self.op.program.events(event="untold"), [])

    def test_sign_out_at_the_provider_itself(self) -> None:
        """
        Who signs out on the provider's own page, where no application has sent them, is signed out of both routes.
        """
        alice, page = self.newcomer()
        kept = self.kept_cookies(alice)
        self.op.sign_out_here(page)
        self.assertEqual(self.the_receipt()["cause"], "back_channel")
        self.assert_signed_out(alice, kept)

    def test_partial_logout(self) -> None:
        """
        Who signs out on a route and declines to sign out of the provider is signed out here, and told only what is
        true; the other relying party is not told, and the provider still knows them.
        """
        alice, page = self.newcomer()
        kept = self.kept_cookies(alice)
        told = self.op.told().count("another-party")
        page.goto(f"{self.site.app}/.pomerium/sign_out")
        self.op.decline(page)
        page.wait_for_url(f"{self.site.authenticate}/.pomerium/signed_out**")
        self.assertEqual(self.statuses(kept), {302})
        self.assertEqual(self.the_receipt()["sessions_ended"], 1)
        self.assertEqual(self.op.told().count("another-party"), told)
        page.goto(f"{self.site.app}/")
        self.op.let_in_again(page)
        page.wait_for_url(f"{self.site.app}/")


class AlgorithmTests(DeploymentCase):
    """
    oidc-provider 9 signs ID tokens and logout tokens with whatever algorithm the client is registered for.
    """

    channels = ("back",)

    def test_algorithms(self) -> None:
        """
        Logout tokens are believed in each; an ID token, which has the same signature, is none.
        """
        for algorithm in ("PS256", "ES256", "EdDSA"):
            with self.subTest(algorithm=algorithm):
                self.deploy(provider_settings={"algorithm": algorithm})
                alice = self.person()
                page = alice.tab()
                self.sign_in(page, f"{self.site.app}/")
                cookie = alice.cookies(self.site.app)
                self.sign_in_at_the_second_party(page)
                self.sign_out_at_the_second_party(page)
                self.assertEqual(self.the_receipt()["cause"], "back_channel")
                self.assertEqual(fetch(f"{self.site.app}/", headers={"Cookie": cookie}).status, 302)
                id_token = self.op.issued("authorization_code")[0]["id_token"]
                answer = fetch(
                    f"{self.site.authenticate}/.pomerium/backchannel_logout",
                    method="POST",
                    headers={"Content-Type": "application/x-www-form-urlencoded"},
                    content=f"logout_token={id_token}".encode(),
                )
                self.assertEqual(answer.status, 400)


class FrontChannelTests(provider_logout.ProviderLogoutContract, provider_logout.SeveralBrowsersContract):
    """
    oidc-provider 6: the front channel, in a frame of another site whose cookies a browser may send.
    """

    provider_settings = {"package": WITH_FRONT_CHANNEL}
    channels = ("front",)
    causes = ("front_channel",)


class FrontChannelWithoutCookiesTests(provider_logout.ProviderLogoutContract):
    """
    oidc-provider 6: the front channel, in a browser that sends no cookies in frames of other sites.
    """

    arguments = ("--test-third-party-cookie-phaseout",)
    provider_settings = {"package": WITH_FRONT_CHANNEL}
    channels = ("front",)
    causes = ("front_channel",)


class BothChannelsTests(provider_logout.ProviderLogoutContract):
    """
    oidc-provider 6: the back channel first, then the front channel, for the same logout.
    """

    provider_settings = {"package": WITH_FRONT_CHANNEL}
    proxy_settings = WITHOUT_EXPIRY
    channels = ("back", "front")
    causes = ("back_channel",)


class GlewlwydTests(provider_logout.ProviderLogoutContract, provider_logout.SeveralBrowsersContract):
    """
    glewlwyd: the front channel first, then the back channel, for the same logout.
    """

    provider = Glewlwyd
    proxy_settings = WITHOUT_EXPIRY
    channels = ("back", "front")
    causes = ("front_channel",)

    def test_provider_counts_it_as_told(self) -> None:
        """
        The provider takes the answer for a success, although the session was over by then.
        """
        _, page = self.newcomer()
        self.sign_out_at_the_second_party(page)
        path = "/.pomerium/backchannel_logout"
        authority = self.site.authenticate.removeprefix("http://")
        eventually("it is told", lambda: self.proxy.answered(authority, path))
        self.assertEqual(set(self.proxy.answered(authority, path)), {200})
        self.assertNotIn("Error backchannel_logout response", self.op.program.output)

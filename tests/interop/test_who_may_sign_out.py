"""
Who may sign a person out, in Chromium, rule by rule: pages of the site itself, of its siblings, of strangers.
"""

from __future__ import annotations

from tests.interop import sign_out_ways
from tests.interop.secure import FOREIGN
from tests.interop.sign_out_ways import (
    CONTAINERS,
    FRAMES,
    NAVIGATIONS,
    OWN_SCRIPTS,
    PREFETCHES,
    RESOURCES,
    SIGN_OUT,
    Outcome,
    Way,
)


class SiblingTests(sign_out_ways.SecureJudge):
    """
    A page on another host of the same site may be anybody's.
    """

    def test_navigations(self) -> None:
        """
        Whoever comes from there is asked.
        """
        self.assert_outcomes(NAVIGATIONS, f"{self.site.public}/", self.url, Outcome.QUESTION)

    def test_resources(self) -> None:
        """
        What no person sees is refused.
        """
        self.assert_outcomes(RESOURCES, f"{self.site.public}/", self.url, Outcome.REFUSED)

    def test_frames(self) -> None:
        """
        In a frame nobody is signed out, and nobody is asked.
        """
        self.assert_outcomes((*FRAMES, *CONTAINERS), f"{self.site.public}/", self.url, Outcome.REFUSED)

    def test_prefetch(self) -> None:
        """
        What is fetched before somebody wants it is kept by no browser.
        """
        self.assert_outcomes(PREFETCHES, f"{self.site.public}/", self.url, Outcome.NOT_YET)


class ForeignSiteTests(sign_out_ways.SecureJudge):
    """
    A page of another site is a stranger's.
    """

    def test_navigations(self) -> None:
        """
        Whoever comes from there is asked.
        """
        self.assert_outcomes(NAVIGATIONS, f"{FOREIGN}/", self.url, Outcome.QUESTION)

    def test_resources(self) -> None:
        """
        What no person sees is refused.
        """
        self.assert_outcomes((*RESOURCES, *CONTAINERS), f"{FOREIGN}/", self.url, Outcome.REFUSED)

    def test_frames(self) -> None:
        """
        A frame may be the provider's; one that names no session ends none.
        """
        self.assert_outcomes(FRAMES, f"{FOREIGN}/", self.url, Outcome.NOTHING)


class OwnPageTests(sign_out_ways.SecureJudge):
    """
    The application's own pages, in which the person clicks.
    """

    def test_navigations(self) -> None:
        """
        A click signs out at once, and so does whatever else brings the person there.
        """
        self.assert_outcomes(NAVIGATIONS, f"{self.site.app}/", self.url, Outcome.NOW)

    def test_deliberate_scripts(self) -> None:
        """
        A script that says what it wants signs out, and stays where it is.
        """
        self.assert_outcomes(OWN_SCRIPTS, f"{self.site.app}/", self.url, Outcome.NOW_JSON)

    def test_resources(self) -> None:
        """
        What somebody may have put into the page without a script is refused.
        """
        ways = (*RESOURCES, *FRAMES, *CONTAINERS)
        self.assert_outcomes(ways, f"{self.site.app}/", self.url, Outcome.REFUSED)

    def test_plain_fetch(self) -> None:
        """
        A script that asks for the address as it would for any other is refused: a service worker may do so.
        """
        way = Way("a plain request", "return fetch(url).then(() => null)")
        self.assert_outcomes((way,), f"{self.site.app}/", self.url, Outcome.REFUSED)

    def test_address_bar(self) -> None:
        """
        Who types the address or has it among their bookmarks is signed out, wherever they were before.
        """
        for before in (f"{FOREIGN}/", f"{self.site.app}/", "about:blank"):
            with self.subTest(before=before):
                cookie = self.signed_in()
                self.page.goto(before)
                self.page.goto(self.url)
                self.page.wait_for_url(f"{self.op.issuer}/**")
                self.assertFalse(self.is_signed_in(cookie))

    def test_null_origin(self) -> None:
        """
        A form in a sandboxed frame of the application's own page, where a stranger's content is shown, is a stranger's.
        """
        sandbox = """
        const frame = document.createElement('iframe');
        frame.sandbox = 'allow-scripts allow-forms allow-top-navigation';
        const form = `<form method=post action="${url}" target="TARGET"></form>`;
        frame.srcdoc = `${form}<script>document.forms[0].submit()</${''}script>`;
        document.body.append(frame);
        return null;
        """
        at = f"{self.site.app}/"
        whole = Way("the whole tab", sandbox.replace("TARGET", "_top"))
        self.assert_outcomes((whole,), at, self.url, Outcome.QUESTION)
        frame = Way("the frame", sandbox.replace("TARGET", "_self"), "nowhere")
        self.assert_outcomes((frame,), at, self.url, Outcome.NOTHING)


class AuthenticateHostTests(sign_out_ways.SecureJudge):
    """
    The authenticate host wants its own token, or asks; no application can press its button.
    """

    def setUp(self) -> None:
        super().setUp()
        self.url = f"{self.site.authenticate}{SIGN_OUT}"

    def assert_asked(self, ways: tuple[Way, ...], at: str) -> None:
        """
        However a page at *at* brings the person there, a question is all that comes.
        """
        cookie = self.signed_in()
        for way in ways:
            with self.subTest(way=way.name, at=at):
                self.page.goto("about:blank")
                tab = self.ask(way, at, self.url)
                tab.wait_for_selector("h1:has-text('Sign out?')")
                self.assertTrue(self.is_signed_in(cookie))
                if tab is not self.page:
                    tab.close()

    def test_navigations(self) -> None:
        """
        Who comes there without the token is asked, wherever they come from.
        """
        self.assert_asked(NAVIGATIONS, f"{self.site.app}/")
        for at in (f"{self.site.authenticate}/.pomerium/", f"{FOREIGN}/"):
            self.assert_asked(NAVIGATIONS[:2], at)
        self.signed_in()
        self.page.goto(self.url)
        self.assertEqual(self.page.inner_text("h1"), "Sign out?")

    def test_resources(self) -> None:
        """
        What no person sees is refused.
        """
        ways = (*RESOURCES, *FRAMES, *CONTAINERS)
        self.assert_outcomes(ways, f"{self.site.app}/", self.url, Outcome.REFUSED)

    def test_scripts(self) -> None:
        """
        A script without the token is refused, on the host's own pages too.
        """
        self.assert_outcomes(OWN_SCRIPTS[1:], f"{self.site.authenticate}/.pomerium/", self.url, Outcome.REFUSED)

    def test_prefetch(self) -> None:
        """
        What is fetched before somebody wants it is kept by no browser.
        """
        self.assert_outcomes(PREFETCHES, f"{self.site.authenticate}/.pomerium/", self.url, Outcome.NOT_YET)


class TrustedSiteTests(sign_out_ways.SecureJudge):
    """
    ``sign_out_from_same_site: now`` trusts every host of the site as the application itself.
    """

    def start(self) -> None:
        """
        Alice is signed in at the application.
        """
        self.start_with(sign_out_from_same_site="now")

    def test_sibling(self) -> None:
        """
        A click on a sibling's page signs out at once.
        """
        self.assert_outcomes(NAVIGATIONS[:3], f"{self.site.public}/", self.url, Outcome.NOW)

    def test_sibling_resources(self) -> None:
        """
        What no person sees is refused all the same.
        """
        self.assert_outcomes((*RESOURCES, *FRAMES), f"{self.site.public}/", self.url, Outcome.REFUSED)

    def test_foreign(self) -> None:
        """
        Another site is as foreign as ever.
        """
        self.assert_outcomes(NAVIGATIONS[:2], f"{FOREIGN}/", self.url, Outcome.QUESTION)

"""
What Pomerium's JavaScript SDK does in an application's page and in its server, over TLS under names of one site.
"""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.interop.authority import rsa_key
from tests.interop.case import HERE
from tests.interop.deployment import SharedDeploymentCase
from tests.interop.secure import SecureDeploymentCase

GET_BROWSER_USER = """
async () => {
  const response = await fetch(window.location.origin + '/.pomerium/user');
  return { status: response.status, user: response.ok ? await response.json() : null };
}
"""
SIGN_OUT_BY_SCRIPT = """
async () => {
  const response = await fetch('/.pomerium/sign_out', { method: 'POST', headers: { Accept: 'application/json' } });
  return { status: response.status, receipt: await response.json() };
}
"""
SIGN_OUT_WITH_TOKEN = """
async (token) => {
  if (token === null) {
    token = (await fetch('/.well-known/pomerium')).headers.get('X-CSRF-Token');
  }
  const headers = { Accept: 'application/json', 'X-CSRF-Token': token };
  const response = await fetch('/.pomerium/sign_out', { method: 'POST', headers });
  return { status: response.status, receipt: await response.json() };
}
"""


class BrowserTests(SecureDeploymentCase, SharedDeploymentCase):
    """
    The SDK's functions for pages.
    """

    def start(self) -> None:
        """
        Everything is running.
        """
        self.deploy_securely()

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.colleague()
        self.page = self.alice.tab()
        self.sign_in(self.page, f"{self.site.app}/")

    def test_get_browser_user(self) -> None:
        """
        A page learns who is using it, and after the sign-out that nobody is.
        """
        answer = self.page.evaluate(GET_BROWSER_USER)
        self.assertEqual(answer["status"], 200)
        self.assertEqual(
            {name: answer["user"][name] for name in ("sub", "email", "name", "groups")},
            {"sub": "alice", "email": "alice@example.com", "name": "Alice Example", "groups": ["staff"]},
        )
        other = self.alice.tab(f"{self.site.app}/")
        self.page.evaluate("window.location.href = '/.pomerium/sign_out'")
        self.page.wait_for_url(f"{self.op.issuer}/**")
        self.assertEqual(other.evaluate(GET_BROWSER_USER), {"status": 401, "user": None})

    def test_sign_out_by_script(self) -> None:
        """
        A script's POST ends the session and is given the receipt, without what other applications the user visits, and
        the address that leads on to the provider.
        """
        self.page.goto(f"{self.site.chat}/")
        self.page.goto(f"{self.site.app}/")
        answer = self.page.evaluate(SIGN_OUT_BY_SCRIPT)
        self.assertEqual((answer["status"], answer["receipt"]["sessions_ended"]), (200, 1))
        self.assertNotIn("routes", answer["receipt"])
        self.assertEqual(self.the_receipt()["id"], answer["receipt"]["id"])
        self.page.goto(answer["receipt"]["end_session_url"])
        self.sign_out_at_the_provider(self.page)
        self.page.wait_for_url(f"{self.site.authenticate}/.pomerium/signed_out**")
        self.assertIn(answer["receipt"]["id"], self.page.inner_text("body"))

    def test_sign_out_with_the_token(self) -> None:
        """
        At the authenticate host the token of its well-known document, and no other, signs out without a question.
        """
        self.page.goto(f"{self.site.authenticate}/.pomerium/")
        self.assertEqual(self.page.evaluate(SIGN_OUT_WITH_TOKEN, "made-up")["status"], 403)
        self.assertEqual(self.receipts(), [])
        answer = self.page.evaluate(SIGN_OUT_WITH_TOKEN, None)
        self.assertEqual((answer["status"], answer["receipt"]["sessions_ended"]), (200, 1))
        self.page.goto(f"{self.site.app}/")
        self.assertIn("You signed out at", self.page.inner_text("body"))

    def test_a_sibling_asks_first(self) -> None:
        """
        A page on another host of the same site, which may be anybody's, cannot sign out by a link: a question comes.
        """
        self.page.goto(f"{self.site.public}/")
        self.page.evaluate("url => { window.location.href = url }", f"{self.site.app}/.pomerium/sign_out")
        self.page.wait_for_url(f"{self.site.authenticate}/**")
        self.assertIn("Sign out?", self.page.inner_text("h1"))
        self.assertEqual(self.receipts(), [])
        self.page.click("button")
        self.sign_out_at_the_provider(self.page)
        self.page.wait_for_url(f"{self.site.authenticate}/.pomerium/signed_out**")
        self.assertEqual(self.the_receipt()["sessions_ended"], 1)

    def test_a_sibling_cannot_sign_out_silently(self) -> None:
        """
        Neither an image, a frame nor a script's request on a sibling's page ends anything.
        """
        self.page.goto(f"{self.site.public}/")
        self.page.evaluate(
            """
            async (url) => {
              const image = new Image();
              const frame = document.createElement('iframe');
              const loaded = (element) => new Promise((done) => (element.onload = element.onerror = done));
              const both = [loaded(image), loaded(frame)];
              image.src = frame.src = url;
              document.body.append(image, frame);
              await Promise.all(both);
              await fetch(url, { credentials: 'include', mode: 'no-cors' });
              await fetch(url, { credentials: 'include', mode: 'no-cors', method: 'POST' });
              navigator.sendBeacon(url);
            }
            """,
            f"{self.site.app}/.pomerium/sign_out",
        )
        self.page.goto(f"{self.site.app}/still")
        self.assertEqual(self.page.title(), "Application")
        self.assertEqual(self.receipts(), [])


class VerifierTests(SecureDeploymentCase):
    """
    The SDK's verifier for servers.
    """

    def verified(self, page_url: str) -> Any:
        """
        What the verifier makes of the assertion that an application is given.
        """
        page = self.colleague().tab()
        self.sign_in(page, page_url)
        verifier = subprocess.run(
            ["node", str(HERE / "verifier.mjs"), str(self.port), str(Path(self.certificate))],
            input=page.inner_text("body"),
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        self.assertEqual(verifier.returncode, 0, verifier.stderr)
        return json.loads(verifier.stdout)

    def test_assertion_with_host_as_issuer(self) -> None:
        """
        An assertion of a proxy without any settings is verified with the key that its issuer, the route, publishes.
        """
        self.deploy_securely()
        result = self.verified(f"{self.site.app}/assertion")
        self.assertEqual(result["url"], "https://app.corp.test/.well-known/pomerium/jwks.json")
        self.assertEqual(result["protectedHeader"]["alg"], "ES256")
        payload = result["payload"]
        self.assertEqual(
            (payload["iss"], payload["aud"], payload["email"]), ("app.corp.test", "app.corp.test", "alice@example.com")
        )
        self.assertEqual(payload["exp"] - payload["iat"], 300)

    def test_assertion_with_uri_as_issuer(self) -> None:
        """
        With a URI as issuer the verifier doubles a slash, and finds the key there too; the key is the operator's.
        """
        self.deploy_securely(jwt_issuer_format="uri", signing_key=base64.b64encode(rsa_key()).decode())
        result = self.verified(f"{self.site.app}/assertion")
        self.assertEqual(result["url"], "https://app.corp.test//.well-known/pomerium/jwks.json")
        self.assertEqual(result["protectedHeader"]["alg"], "RS256")
        self.assertEqual(result["payload"]["iss"], "https://app.corp.test/")

"""
The application behind a route is told of the end of a session by a token that anybody can verify.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any
from urllib.parse import parse_qs

from tests.interop.case import HERE
from tests.interop.parties import claims_of
from tests.interop.processes import eventually
from tests.interop.secure import SecureDeploymentCase
from tests.interop.upstream import RecordingUpstream


class NoticeTests(SecureDeploymentCase):
    """
    ``upstream_logout_uri``.
    """

    def notices(self, application: RecordingUpstream) -> list[str]:
        """
        The logout tokens that the application has been sent.
        """
        asked = [each for each in application.received if each.target == "/logout"]
        return [parse_qs(each.content.decode())["logout_token"][0] for each in asked]

    def verified(self, token: str) -> Any:
        """
        What a JOSE library of other people makes of *token*, with the keys that its issuer publishes.
        """
        verifier = subprocess.run(
            ["node", str(HERE / "verifier.mjs"), str(self.port), str(self.certificate)],
            input=token,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        self.assertEqual(verifier.returncode, 0, verifier.stderr)
        return json.loads(verifier.stdout)

    def test_told_of_a_sign_out(self) -> None:
        """
        When the person has signed out on another route, the application is sent a logout token for the session that its
        assertions named, and for nobody else's.
        """
        self.deploy_securely(app_settings={"upstream_logout_uri": "/logout"})
        page = self.colleague().tab()
        self.sign_in(page, f"{self.site.app}/assertion")
        assertion = page.inner_text("body")
        page.goto(f"{self.site.chat}/")
        page.goto(f"{self.site.chat}/.pomerium/sign_out")
        [token] = eventually("the application is told", lambda: self.notices(self.app))
        result = self.verified(token)
        self.assertEqual(result["url"], f"{self.site.app}//.well-known/pomerium/jwks.json")
        self.assertEqual(result["protectedHeader"]["typ"], "logout+jwt")
        payload, known = result["payload"], claims_of(assertion)
        self.assertEqual((payload["iss"], payload["aud"]), (f"{self.site.app}/", f"{self.app.url}/logout"))
        self.assertEqual((payload["sub"], payload["sid"]), (known["sub"], known["sid"]))
        self.assertEqual(payload["events"], {"http://schemas.openid.net/event/backchannel-logout": {}})
        self.assertEqual(payload["exp"] - payload["iat"], 120)
        self.assertNotIn("nonce", payload)
        self.assertTrue(payload["jti"])
        [received] = [each for each in self.app.received if each.target == "/logout"]
        self.assertEqual(
            (received.method, received.headers["Content-Type"]), ("POST", "application/x-www-form-urlencoded")
        )
        self.assertEqual(self.notices(self.chat), [])

    def test_another_address(self) -> None:
        """
        An application may want to be told elsewhere, under a name of its own; one that the person has not used is not
        told.
        """
        elsewhere = self.upstream("Elsewhere")
        self.deploy_securely(
            app_settings={
                "upstream_logout_uri": f"{elsewhere.url}/logout",
                "upstream_logout_audience": "the-application",
            },
            more_routes=[
                {
                    "from": "https://unused.corp.test",
                    "allowed_domains": ["example.com"],
                    "upstream_logout_uri": "/logout",
                }
            ],
        )
        page = self.colleague().tab()
        self.sign_in(page, f"{self.site.app}/")
        page.goto(f"{self.site.app}/.pomerium/sign_out")
        [token] = eventually("it is told", lambda: self.notices(elsewhere))
        self.assertEqual(self.verified(token)["payload"]["aud"], "the-application")
        self.assertEqual((self.notices(self.app), self.notices(self.public)), ([], []))

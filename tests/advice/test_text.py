"""
Tests of `pomerium_tx.advice.text`: advice for a terminal.
"""

from __future__ import annotations

from pomerium_tx.advice.checked import checked
from pomerium_tx.advice.text import checked_text, explained_text, printable
from tests.advice.asking import ROUTES, AskingTestCase

CHECKED = """\
FILE is good.

Warnings
  FILE:14: grpc_address: is ignored: everything runs in this one process, nothing is spoken between services

Set by the environment: LOG_LEVEL

Listens on
  :443: routes and https://authenticate.example.com
  unix:/run/pomerium-tx/admin.sock: administrators

To be registered at https://op.example.com (default), client client
  redirect URI              https://authenticate.example.com/oauth2/callback
  post-logout redirect URI  https://authenticate.example.com/.pomerium/signed_out
  back-channel logout URI   https://authenticate.example.com/.pomerium/backchannel_logout
  front-channel logout URI  https://authenticate.example.com/.pomerium/sign_out

Routes, in the order in which they count

  https://app.example.com, every path -> http://127.0.0.1:3001
    routes[0], line 10: wiki
    open to people who sign in and whom these rules admit:
      allow if somebody is signed in

When a session ends, everything that it has open on any of these is cut in that moment.
"""
EXPLAINED = """\
GET https://app.example.com/x/%41
  asked by alice@example.com, from 127.0.0.1
  read as /x/A

Routes of this host
  FILE:10: routes[0]: every path: is the one

Rules
  holds: allow if somebody is signed in
      yes: somebody is signed in (user-ok)

ALLOWED
  it is let through to http://127.0.0.1:3001/x/A
  the log will say: user-ok
"""


class TextTests(AskingTestCase):
    """
    The text.
    """

    def test_checked(self) -> None:
        """
        A good configuration, whole.
        """
        route = {"from": "https://app.example.com", "to": "http://127.0.0.1:3001", "name": "wiki"}
        path = self.file({"grpc_address": ":5443", "routes": [{**route, "allow_any_authenticated_user": True}]})
        text = printable(checked_text(checked(path, {"LOG_LEVEL": "warn"})))
        self.assertEqual(text.replace(str(path), "FILE"), CHECKED)

    def test_refused(self) -> None:
        """
        Problems come first, and nothing is said of what will not happen.
        """
        path = self.file({"adress": ":443"})
        text = printable(checked_text(checked(path, {})))
        self.assertTrue(text.startswith(f"{path} is refused, for 1 problem:\n  {path}:"))
        self.assertNotIn("Listens on", text)

    def test_hidden_and_public(self) -> None:
        """
        What deserves attention is told in capitals, and who needs not sign in.
        """
        text = printable(checked_text(checked(self.file(), {})))
        self.assertIn("NEVER REACHED", text)
        self.assertIn("open to anybody, without signing in", text)
        self.assertIn("open to nobody", text)
        self.assertNotIn("planted", text)

    def test_explained(self) -> None:
        """
        An explanation, whole.
        """
        route = {key: ROUTES[1][key] for key in ("from", "to", "allow_any_authenticated_user")}
        found = self.explain("https://app.example.com/x/%41", values={"routes": [route]})
        text = printable(explained_text(found))
        assert found.route is not None
        self.assertEqual(text.replace(found.route.file, "FILE"), EXPLAINED)

    def test_nothing_for_the_terminal(self) -> None:
        """
        What stands in a file cannot move the cursor.
        """
        self.assertEqual(printable(iter(["a\x1b[2Jb"])), "a\ufffd[2Jb\n")

"""
The cases about who somebody is, and where a person may be sent.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

from pomerium_tx.web.redirect_target import origin_of
from tests.hostile.catalogue import catalogue
from tests.hostile.identity_after import all_ended
from tests.hostile.identity_redirects import MANY, strays
from tests.hostile.identity_suite import RUNNERS, run_identity
from tests.hostile.identity_tricks import nearly_good, targets
from tests.hostile.identity_ways import WAYS
from tests.hostile.run import EXPECTED, NOT_HERE, is_slow

WHOLE = bool(os.environ.get("HOSTILE"))
"""
Whether all cases are wanted, however long they take.
"""
ONLY = frozenset(filter(None, os.environ.get("HOSTILE_ONLY", "").split(",")))
"""
Ids of cases, if only those are wanted.
"""


class IdentityTests(TestCase):
    """
    The cases of each group; in ``make test`` those that do not take long.
    """

    timeout = 900

    async def look_at(self, group: str) -> None:
        """
        Every case of a group has come to what it has to.
        """
        from twisted.internet import reactor  # noqa: TID251 - these tests are about the real one

        folder = Path(self.mktemp())
        folder.mkdir()
        cases = [case for case in catalogue().values() if case.group == group]
        wanted = [case for case in cases if (case.id in ONLY if ONLY else WHOLE or not is_slow(case))]
        results = await run_identity(reactor, folder, wanted)
        # A store that fails is written into the log as that; what else is there is a violation already.
        self.flushLoggedErrors()
        self.maxDiff = None
        self.assertEqual([(result.case.id, result.case.title, result.got) for result in results if result.problems], [])

    async def test_signed_urls(self) -> None:
        """
        A link that is not as we have signed it, or is not for whoever comes with it, does nothing.
        """
        await self.look_at("signed-urls")

    async def test_redirect_targets(self) -> None:
        """
        Nobody is sent anywhere but to our hosts, whatever is asked for and however it is spelt.
        """
        await self.look_at("redirect-targets")

    async def test_oidc_flow(self) -> None:
        """
        What is no answer to this browser's request signs nobody in.
        """
        await self.look_at("oidc-flow")

    async def test_id_token(self) -> None:
        """
        An ID Token that is wrong in anything signs nobody in.
        """
        await self.look_at("id-token")

    async def test_backchannel_logout(self) -> None:
        """
        A logout token that is wrong in anything ends nothing; a right one ends what it names, and nothing else.
        """
        await self.look_at("backchannel-logout")

    async def test_frontchannel_logout(self) -> None:
        """
        A frame that names no session ends none.
        """
        await self.look_at("frontchannel-logout")

    async def test_sign_out(self) -> None:
        """
        A person is signed out when they want it, and only then, and is told the truth.
        """
        await self.look_at("sign-out")

    async def test_after_sign_out(self) -> None:
        """
        After the end of a session nothing of it is left, whatever was open and however it ended.
        """
        await self.look_at("after-sign-out")

    async def test_jwks(self) -> None:
        """
        Keys that cannot be had, or that are none, let nobody in and keep nobody out who is in.
        """
        await self.look_at("jwks")

    async def test_idp_endpoints(self) -> None:
        """
        An OP that fails lets nobody in, keeps nobody out who is in, and keeps nobody waiting.
        """
        await self.look_at("idp-endpoints")

    async def test_config(self) -> None:
        """
        A configuration that is wrong is told of, with file, line and key; nothing starts with it, and nothing changes.
        """
        await self.look_at("config")

    async def test_information_leak(self) -> None:
        """
        Nothing that we say of ourselves gives anything away.
        """
        await self.look_at("information-leak")


class EveryWayTests(TestCase):
    """
    Everything that may be open, all at once, at two processes; and every way in which a session ends.
    """

    timeout = 300

    async def ends(self, how: str) -> None:
        """
        Of all that is open nothing goes on.
        """
        from twisted.internet import reactor  # noqa: TID251 - these tests are about the real one

        folder = Path(self.mktemp())
        folder.mkdir()
        await all_ended(reactor, folder, how)

    async def test_provider_removed(self) -> None:
        """
        A reload has taken the OP away.
        """
        await self.ends("provider removed")

    async def test_idle(self) -> None:
        """
        Nobody has moved anything for too long.
        """
        await self.ends("idle")

    async def test_refresh_refused(self) -> None:
        """
        The OP has refused a refresh.
        """
        await self.ends("refresh refused by the provider")

    async def test_other_ways(self) -> None:
        """
        The ways that the catalogue names.
        """
        for how in WAYS if WHOLE else ("RP-initiated", "session expiry"):
            await self.ends(how)


class ClassTests(SynchronousTestCase):
    """
    What is known of the cases.
    """

    def test_all(self) -> None:
        """
        Every case of these groups is in one class: what has to come of it is written down, or why it cannot apply.
        """
        cases = [case.id for case in catalogue().values() if case.group in RUNNERS]
        self.assertEqual([name for name in cases if (name in EXPECTED) == (name in NOT_HERE)], [])


class TargetTests(SynchronousTestCase):
    """
    The rule about redirect targets beside a browser's URL parser.
    """

    def test_rule(self) -> None:
        """
        Whatever target the rule honours, a browser goes to the very origin that the rule has compared.
        """
        _, astray = strays(origin_of, targets(MANY))
        self.assertEqual(astray, [])
        honoured, astray = strays(origin_of, nearly_good(MANY))
        self.assertEqual(astray, [])
        # Of a rule that honours nothing nothing would be shown.
        self.assertGreater(honoured, MANY // 10)

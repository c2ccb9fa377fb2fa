"""
Tests for `pomerium_tx.authenticate.hold`; what it does to sign-ins is in `tests.authenticate.test_sign_in`.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.authenticate.browser import Browser
from pomerium_tx.authenticate.hold import LIFETIME, Hold, Holds, hold_of
from pomerium_tx.logout.session_cookie import CookieSettings
from pomerium_tx.sessions.handle import Handle
from pomerium_tx.sessions.receipt import Receipt
from pomerium_tx.sessions.store import Cause, OpLogout
from pomerium_tx.web.resource import PageRequest
from tests.doubles.sessions import a_session
from tests.logout.world import START, A, World

NOBODY = Browser(handles=(), has_cookie=False, session=None, csrf_secret=b"")


def _request(*cookies: str) -> PageRequest:
    return PageRequest(
        method="GET",
        path="/",
        origin=A,
        url=A,
        raw_query=None,
        query=[],
        form_fields=[],
        client_address="",
        request_id="",
        fields={b"cookie": ["; ".join(cookies).encode()]} if cookies else {},
    )


def _with(session_id: str) -> Browser:
    handle = Handle(session_id, "user", "issuer", (), "idp", START)
    return Browser(handles=(handle,), has_cookie=True, session=None, csrf_secret=b"")


class HoldsTests(SynchronousTestCase):
    """
    Who is held, and for how long.
    """

    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.holds = Holds(registry=self.world.registry, cookie=CookieSettings(), sealer=self.world.sealer)

    def end(self, cause: Cause = Cause.USER_ROUTE) -> tuple[str, Receipt]:
        session = a_session(began=START)
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.begin(session, state_issued=START)))
        if cause is Cause.USER_ROUTE:
            ending = self.world.ending.sign_out([session.id], cause=cause, target=None)
            receipt = self.successResultOf(Deferred.fromCoroutine(ending)).receipt
        else:
            receipt = self.successResultOf(Deferred.fromCoroutine(self.world.ending.end([session.id], cause)))
        return session.id, receipt

    def cookie(self, hold: Hold, *, released: bool = False) -> str:
        field = self.holds.released(hold) if released else self.holds.cookie(hold)
        return field[1].partition(";")[0]

    def confirm(self, receipt: Receipt, value: OpLogout = OpLogout.CONFIRMED) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.world.registry.op_logout(receipt.id, value)))

    def test_by_its_cookie(self) -> None:
        """
        The hold's cookie holds, until the OP has confirmed.
        """
        _, receipt = self.end()
        request = _request(self.cookie(hold_of(receipt)))
        self.assertEqual(self.holds.in_force(request, NOBODY), hold_of(receipt))
        self.confirm(receipt, OpLogout.UNREACHABLE)
        self.assertIsNotNone(self.holds.in_force(request, NOBODY))
        self.confirm(receipt)
        self.assertIsNone(self.holds.in_force(request, NOBODY))

    def test_by_the_session_cookie(self) -> None:
        """
        Before this host was reached, the cookie that names the ended session holds in its place.
        """
        session_id, receipt = self.end()
        self.assertEqual(self.holds.in_force(_request(), _with(session_id)), hold_of(receipt))
        self.confirm(receipt)
        self.assertIsNone(self.holds.in_force(_request(), _with(session_id)))

    def test_other_ends(self) -> None:
        """
        An end that the person did not ask for holds nobody; nor does a session that nobody knows.
        """
        for cause in set(Cause) - {Cause.USER_ROUTE, Cause.USER_AUTHENTICATE, Cause.USER_EVERYWHERE}:
            with self.subTest(cause=cause):
                self.assertIsNone(self.holds.in_force(_request(), _with(self.end(cause)[0])))
        self.assertIsNone(self.holds.in_force(_request(), _with("unknown")))

    def test_whose_end_it_was(self) -> None:
        """
        Whether an end was one browser's alone is known where its departure was, and as long as the hold is kept.
        """
        session_id, receipt = self.end()
        for is_one in (True, False):
            with self.subTest(is_one=is_one):
                field = self.holds.after(_request(), _with(session_id), receipt, (), is_of_one_browser=is_one)
                request = _request(field[1].partition(";")[0])
                hold = self.holds.of(request, receipt.id)
                assert hold is not None
                self.assertEqual(hold.is_of_one_browser, is_one)
                released = self.holds.of(_request(self.cookie(hold, released=True)), receipt.id)
                assert released is not None
                self.assertEqual(released.is_of_one_browser, is_one)
        # The session cookie, which stands for a hold until this host is reached, does not say.
        by_session = self.holds.in_force(_request(), _with(session_id))
        assert by_session is not None
        self.assertFalse(by_session.is_of_one_browser)

    def test_by_reference(self) -> None:
        """
        Who had only the reference is held as well, but it proves nothing: it is not that end's hold, also when it is
        kept or released.
        """
        _, receipt = self.end()
        field = self.holds.after(_request(), NOBODY, receipt, (), is_by_reference=True)
        request = _request(field[1].partition(";")[0])
        hold = self.holds.by_reference(request, receipt.id)
        assert hold is not None
        for changed in (request, _request(self.cookie(hold, released=True))):
            self.assertIsNone(self.holds.of(changed, receipt.id))
            self.assertIsNotNone(self.holds.by_reference(changed, receipt.id))
        [(_, kept)] = self.holds.kept(request, NOBODY)
        self.assertIsNone(self.holds.of(_request(kept.partition(";")[0]), receipt.id))
        self.assertIsNotNone(self.holds.in_force(request, NOBODY))
        own = _request(self.cookie(hold_of(receipt)))
        self.assertIsNone(self.holds.by_reference(own, receipt.id))
        self.assertIsNotNone(self.holds.of(own, receipt.id))

    def test_after_click(self) -> None:
        """
        The hold of a person who had no part in any end is in force until their click; one that is there already stays,
        and it stays the one that is told of.
        """
        for has_ended_nothing in (True, False):
            with self.subTest(has_ended_nothing=has_ended_nothing):
                [(_, field)] = self.holds.after_click(_request(), NOBODY, START, has_ended_nothing=has_ended_nothing)
                self.assertIn(f"Max-Age={LIFETIME}", field.split("; "))
                hold = self.holds.in_force(_request(field.partition(";")[0]), NOBODY)
                assert hold is not None
                self.assertEqual((hold.receipt_id, hold.at, hold.only_by_click), ("", START, True))
                self.assertIs(hold.has_ended_nothing, has_ended_nothing)
        _, receipt = self.end()
        request = _request(self.cookie(hold_of(receipt)))
        [(_, field)] = self.holds.after_click(request, NOBODY, START, has_ended_nothing=True)
        self.assertEqual(self.holds.read(_request(field.partition(";")[0])), hold_of(receipt))

    def test_unknown_receipt(self) -> None:
        """
        After a restart nobody can say that the OP has confirmed: it holds.
        """
        hold = Hold(receipt_id="forgotten", at=START)
        self.assertEqual(self.holds.in_force(_request(self.cookie(hold)), NOBODY), hold)

    def test_released(self) -> None:
        """
        Once released it does not hold again, although the receipt be forgotten or the session cookie still there.
        """
        forgotten = Hold(receipt_id="forgotten", at=START)
        self.assertIsNone(self.holds.in_force(_request(self.cookie(forgotten, released=True)), NOBODY))
        session_id, receipt = self.end()
        request = _request(self.cookie(hold_of(receipt), released=True))
        self.assertIsNone(self.holds.in_force(request, _with(session_id)))

    def test_later_sign_out(self) -> None:
        """
        A released hold of an earlier sign-out does not release a later one.
        """
        _, earlier = self.end()
        session_id, later = self.end()
        request = _request(self.cookie(hold_of(earlier), released=True))
        self.assertEqual(self.holds.in_force(request, _with(session_id)), hold_of(later))

    def test_in_place_of_another(self) -> None:
        """
        A hold that takes the place of another one in force is not released by its own OP's word.
        """
        _, earlier = self.end()
        _, later = self.end()
        self.confirm(later)
        later = replace(later, op_logout=OpLogout.CONFIRMED)
        request = _request(self.cookie(hold_of(earlier)))
        for _ in range(2):
            field = self.holds.after(request, NOBODY, later, ())[1]
            self.assertIn(f"Max-Age={LIFETIME}", field.split("; "))
            request = _request(field.partition(";")[0])
            hold = self.holds.in_force(request, NOBODY)
            assert hold is not None
            self.assertEqual((hold.receipt_id, hold.is_released), (later.id, True))

    def test_in_place_of_none(self) -> None:
        """
        One that is over, or of the same end, is simply replaced.
        """
        _, earlier = self.end()
        session_id, later = self.end()
        over = _request(self.cookie(hold_of(earlier), released=True))
        for request, browser in ((over, NOBODY), (_request(self.cookie(hold_of(later))), _with(session_id))):
            field = self.holds.after(request, browser, later, ())[1]
            self.assertEqual(self.holds.read(_request(field.partition(";")[0])), hold_of(later))

    def test_kept_without_the_session_cookie(self) -> None:
        """
        What the session cookie stands for is put into the hold's own; of several none is lost.
        """
        self.assertEqual(self.holds.kept(_request(), NOBODY), ())
        session_id, receipt = self.end()
        [(_, field)] = self.holds.kept(_request(), _with(session_id))
        self.assertEqual(self.holds.read(_request(field.partition(";")[0])), hold_of(receipt))
        [(_, field)] = self.holds.kept(_request(self.cookie(Hold(receipt_id="other", at=START))), _with(session_id))
        self.confirm(receipt)
        self.assertIsNotNone(self.holds.in_force(_request(field.partition(";")[0]), NOBODY))

    def test_over_for_who_has_signed_in_since(self) -> None:
        """
        A hold that cannot be cleared does not hold a person who has signed in after it.
        """
        request = _request(self.cookie(Hold(receipt_id="forgotten", at=START)))
        for began, expected in ((START - 1.0, False), (START, True), (START + 1.0, True)):
            with self.subTest(began=began):
                browser = Browser(handles=(), has_cookie=True, session=a_session(began=began), csrf_secret=b"")
                self.assertIs(self.holds.in_force(request, browser) is None, expected)

    def test_cookie(self) -> None:
        """
        It is sealed, names no session, and lives for thirty days; released for an hour.
        """
        session_id, receipt = self.end()
        [name, field] = self.holds.cookie(hold_of(receipt))
        self.assertEqual(name, "Set-Cookie")
        self.assertTrue(field.startswith("_pomerium_hold="))
        self.assertNotIn(receipt.id, field)
        self.assertIn(f"Max-Age={LIFETIME}", field.split("; "))
        for attribute in ("Path=/", "Secure", "HttpOnly"):
            self.assertIn(attribute, field.split("; "))
        self.assertIn("Max-Age=3600", self.holds.released(hold_of(receipt))[1].split("; "))
        self.assertNotIn(session_id, repr(hold_of(receipt)))

    def test_not_ours(self) -> None:
        """
        Nobody else can make one.
        """
        for value in ("x", "", self.world.sealer.seal("session", b"{}")):
            with self.subTest(value=value):
                self.assertIsNone(self.holds.read(_request(f"_pomerium_hold={value}")))

    def test_clear(self) -> None:
        """
        It is cleared where there is one.
        """
        self.assertEqual(self.holds.clear(_request()), ())
        [(_, field)] = self.holds.clear(_request("_pomerium_hold=x"))
        self.assertTrue(field.startswith("_pomerium_hold=; Path=/; Max-Age=0"))
        self.assertLessEqual({"Secure", "HttpOnly"}, set(field.split("; ")))

    def test_other_providers_fit(self) -> None:
        """
        However many OPs there are, and however long their names, it is still a cookie.
        """
        _, receipt = self.end()
        hold = hold_of(receipt, tuple(f"https://op{number}.example.com" for number in range(50)))
        self.assertEqual(self.holds.read(_request(self.cookie(hold))), hold)
        self.assertEqual(hold_of(receipt, ("x" * 4000,)).other_providers, ())

"""
Tests for `pomerium_tx.sessions.book`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.book import Book


class BookTests(SynchronousTestCase):
    """
    Bounded memory.
    """

    def setUp(self) -> None:
        """
        A book of three.
        """
        self.dropped: list[int] = []
        self.book = Book[str, int](3, self.dropped.append)

    def test_forgets_in_time(self) -> None:
        """
        An entry is there until its time, and what is dropped is told.
        """
        self.book.put("a", 1, 10)
        self.book.put("b", 2, 20)
        self.book.forget(9)
        self.assertEqual((self.book.get("a"), self.dropped), (1, []))
        self.book.forget(10)
        self.assertEqual((self.book.get("a"), self.book.get("b"), self.dropped), (None, 2, [1]))

    def test_limit(self) -> None:
        """
        When it is full the soonest to end goes, although it came last.
        """
        for key, expires in (("a", 30), ("b", 20), ("c", 40)):
            self.assertFalse(self.book.is_full)
            self.book.put(key, expires, expires)
        self.assertTrue(self.book.is_full)
        self.book.put("d", 10, 10)
        self.book.put("e", 50, 50)
        self.assertEqual(self.dropped, [10, 20])
        self.assertEqual(dict(self.book), {"a": 30, "c": 40, "e": 50})

    def test_make_room(self) -> None:
        """
        Room is made for one more, at the cost of the soonest to end, and only if there is none.
        """
        for key, expires in (("a", 30), ("b", 10), ("b", 20), ("c", 40)):
            self.book.put(key, expires, expires)
        for _ in range(2):
            self.book.make_room()
            self.assertEqual((self.dropped, dict(self.book)), ([20], {"a": 30, "c": 40}))

    def test_discard(self) -> None:
        """
        What is discarded is forgotten without a word, and may be remembered anew, for its new time.
        """
        for key in ("a", "b"):
            self.book.put(key, 1, 10)
        for _ in range(2):
            self.book.discard("a")
        self.assertEqual((self.book.get("a"), len(self.book), self.dropped), (None, 1, []))
        self.book.put("a", 2, 20)
        self.book.forget(10)
        self.assertEqual((dict(self.book), self.dropped), ({"a": 2}, [1]))

    def test_moved(self) -> None:
        """
        An entry whose end is moved stays until the new end, earlier or later, and is dropped once.
        """
        self.book.put("later", 1, 10)
        self.book.put("later", 2, 30)
        self.book.put("earlier", 3, 30)
        self.book.put("earlier", 4, 10)
        self.book.put("same", 5, 20)
        self.book.replace("same", 6)
        self.book.forget(10)
        self.assertEqual(dict(self.book), {"later": 2, "same": 6})
        self.book.forget(30)
        self.assertEqual((len(self.book), self.dropped), (0, [4, 6, 2]))

    def test_memory_is_bounded(self) -> None:
        """
        However often ends move, to and fro or ever on, and whatever is discarded, there are few void places.
        """
        for name, expires_of in (("on", lambda n: n), ("to and fro", lambda n: n % 2), ("back", lambda n: -n)):
            with self.subTest(name=name):
                book = Book[str, int](3, self.dropped.append)
                for number in range(5000):
                    book.put("a", number, expires_of(number))
                self.assertLess(len(book._ends), 1100)
                self.assertEqual(dict(book), {"a": 4999})
        for number in range(5000):
            self.book.put(str(number), number, number)
            self.book.discard(str(number))
        self.assertLess(len(self.book._ends), 1100)
        self.assertEqual(self.dropped, [])

    def test_long_keys_are_kept_once(self) -> None:
        """
        Of equal keys one object is kept, wherever ends were moved to.
        """
        for number in range(100):
            self.book.put("".join(("long", "-", "key")), number, number)
        self.assertEqual(len({id(key) for *_, key in self.book._ends}), 1)

    def test_tidying_changes_nothing(self) -> None:
        """
        Who is forgotten, and in which order, is the same with many void places as with none.
        """
        plain, dropped = Book[str, int](3), list[int]()
        book = Book[str, int](3, dropped.append)
        for one in (plain, book):
            for key in ("a", "b", "c"):
                one.put(key, ord(key), 10)
        for number in range(3000):
            book.put("a", ord("a"), 100 + number)
        book.put("a", ord("a"), 5)
        plain.put("a", ord("a"), 5)
        for one in (plain, book):
            one.put("d", ord("d"), 10)
            one.put("e", ord("e"), 10)
        self.assertEqual((dict(book), dropped), (dict(plain), [ord("a"), ord("b")]))
        book.forget(10)
        self.assertEqual(dropped, [ord(key) for key in "abcde"])

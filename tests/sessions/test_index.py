"""
Tests for `pomerium_tx.sessions.index`.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pomerium_tx.sessions.index import Index

NAMES = st.sampled_from("ab")


class IndexTests(SynchronousTestCase):
    """
    Sets by name.
    """

    @given(st.lists(st.tuples(st.booleans(), NAMES, NAMES, st.sampled_from("xyz"))))
    def test_is_a_dictionary_of_sets(self, steps: list[tuple[bool, str, str, str]]) -> None:
        """
        Whatever is added and taken away, it holds what plain sets would, and no empty ones.
        """
        index, model = Index(), dict[tuple[str, str], set[str]]()
        for adds, iss, name, session_id in steps:
            if adds:
                index.add(iss, name, session_id)
                model.setdefault((iss, name), set()).add(session_id)
            else:
                index.discard(iss, name, session_id)
                model.get((iss, name), set()).discard(session_id)
        for iss in "ab":
            for name in "ab":
                self.assertEqual(index.get(iss, name), model.get((iss, name), set()))
        self.assertEqual(len(index), sum(bool(members) for members in model.values()))

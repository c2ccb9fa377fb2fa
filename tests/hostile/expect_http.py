"""
What has to come of the cases about framing, hosts, paths and fields.
"""

from __future__ import annotations

from tests.hostile.run import expects

_STRICT = "docs/data-path.md, What is stricter"
_LIMITS = "docs/limits.md"


def _refused(*ids: str, because: str, status: int = 400, **more: object) -> None:
    expects(*ids, status=status, closed=True, requests=0, because=because, **more)


# -- http-framing ------------------------------------------------------------------------------------------------------

_refused(*"HF-001 HF-003".split(), because=f"{_STRICT}: more than one Content-Length, equal ones too.")
_refused(
    *"HF-009 HF-012 HF-013 HF-014 HF-015".split(),
    because="RFC 9112 section 6.3: an invalid Content-Length is unrecoverable, 400 and the end.",
)
_refused(
    *"HF-017 HF-018 HF-039 HF-040".split(),
    because="RFC 9112 section 5.1: whitespace, and what may be taken for it, before a colon is 400.",
)
_refused("HF-019", because=f"{_STRICT}: a name with an underscore.")
_refused("HF-020", because=f"{_STRICT}: Content-Length with leading zeros.")
_refused(*"HF-021 HF-022".split(), because=f"{_STRICT}: Content-Length beside Transfer-Encoding.")

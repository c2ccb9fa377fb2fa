"""
The result as a table for people: the same words as long as nothing changes, so that a difference is one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tests.hostile.run import Result, Verdict

_BEGINNING = """\
# Bad input, case by case

Made by `make hostile`, which runs every case of `tests/hostile/bad_inputs.json` against the whole proxy on real
sockets, with an OpenID Provider and applications that keep every byte, and looks after every case whether these hold:

1. No request without a live session reaches a protected application; counted at the application.
2. No application sees an identity that a client has made up, in any spelling, nor a cookie of ours.
3. Every answer belongs to the request of who gets it.
4. The process lives, no turn of the reactor does more than a tenth of a second of work, and who asks next is answered.
5. No exception went where it was not expected.
6. Neither the log nor an answer shows a secret.
7. Descriptors, connections and delayed calls are back to what they were within 5 s.
8. No session was made, changed or ended but by the case's own doing.
9. Every `Location`, as a browser's URL parser (WHATWG) reads it, leads to one of our hosts or to the provider.
10. Nothing that stands behind a rejected message is carried out.

*Expected* is what has to come of a case, frozen, with the sentence that says so or the decision. *As written*: so says
the catalogue too. *By document*: a document that counts for more says otherwise, and *why* says which. *Does not
apply*: why says the reason. Names of documents without `docs/` are those of the design: `pomerium-behaviour.md`,
`sign-out.md`, `security.md`. How the steps are played stands in `tests/hostile/steps_*.py`.

Beyond the catalogue `make hostile` looks whether these hold, and fails if one does not:

* After every end of a session that `tests/hostile/identity_ways.py` names - the catalogue's, and idle time that has
  passed, a refresh that the provider refuses, a provider that a reload takes away - nothing goes on of all that a
  session can have open, all of it at once and at two processes, and nothing is let in.
* Of 100,000 redirect targets of tricks at random, nearly all of which the rule refuses, and 100,000 that are a part or
  a letter away from a good one, a good many of which it honours (`tests/hostile/identity_tricks.py`), each that is
  honoured leads to the origin that the rule believes it has, as a browser's URL parser (WHATWG) reads it.
"""


def report(results: Iterable[Result]) -> str:
    """
    All of it, group by group.
    """
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.case.group, []).append(result)
    counted = Counter(result.verdict for rows in groups.values() for result in rows)
    lines = [_BEGINNING, "| group | cases | " + " | ".join(verdict.value for verdict in Verdict) + " |"]
    lines.append("|---|" + "---:|" * (len(Verdict) + 1))
    for name, rows in groups.items():
        of_group = Counter(result.verdict for result in rows)
        numbers = " | ".join(str(of_group[verdict]) for verdict in Verdict)
        lines.append(f"| [{name}](#{name}) | {len(rows)} | {numbers} |")
    numbers = " | ".join(f"**{counted[verdict]}**" for verdict in Verdict)
    lines.append(f"| **all** | **{counted.total()}** | {numbers} |")
    for name, rows in groups.items():
        lines += ["", f"## {name}", "", "| case | what | expected | result | why |", "|---|---|---|---|---|"]
        lines += [_row(result) for result in rows]
    return "\n".join((*lines, ""))


def _row(result: Result) -> str:
    got = result.verdict.value if not result.problems else f"**{result.verdict.value}**: {'; '.join(result.problems)}"
    cells = (result.case.id, result.case.title, result.expected, got, result.why)
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    printable = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    return re.sub(r"([\\|*<])", r"\\\1", printable).replace("`", "'")

"""
Policies as they are written, good and bad.
"""

from __future__ import annotations

from typing import Any

EMAIL = {"email": "alice@example.com"}

GOOD: list[Any] = [
    {},
    [],
    {"allow": {}},
    [{"deny": {}}, {"allow": {}, "deny": {}}],
    {"allow": {"and": [], "or": [], "not": [], "nor": []}},
    {"allow": {"action": "allow", "or": [EMAIL]}},
    {"allow": {"or": [{"email": {"is": "a", "not": "", "contains": "a", "starts_with": "a", "ends_with": "a"}}]}},
    {"allow": {"or": [{"email": {"in": ["a", "b"]}}, {"email": {"not_in": []}}, {"email": {"in": []}}]}},
    {"allow": {"or": [{"claim/a": "x"}, {"claim/a/b.c": 1}, {"claim/a": {"has": True, "is": 1.5, "exclude": "y"}}]}},
    {"allow": {"or": [{"groups": "staff"}, {"groups": {"exclude": "staff"}}]}},
    {"allow": {"or": [{"accept": True}, {"reject": None}, {"authenticated_user": {}}, {"pomerium_routes": 1}]}},
    {"allow": {"or": [{"source_ip": "10.0.0.1"}, {"source_ip": ["10.0.0.0/8", "2001:db8::/32", "::1"]}]}},
    {"allow": {"or": [{"cors_preflight": 1}, {"http_method": "GET"}, {"http_path": {"starts_with": "/a"}}]}},
    '{"allow": {"or": [{"user": "a"}]}}',
    "allow:\n  or:\n  - user: a\n",
]

# What is written, and where something is wrong with it, in which words.
PROBLEMS: list[tuple[Any, list[tuple[str, str]]]] = [
    (1, [("", "must be a mapping with allow and deny, or a list of such, not a number")]),
    ([1, None], [("[0]", "not a number"), ("[1]", "not nothing")]),
    ("- 1\n- 2\n", [("[0]", "not a number"), ("[1]", "not a number")]),
    ("allow: [", [("", "line 1 of it is not valid YAML")]),
    ("allow: {}\nallow: {}\n", [("", "line 2 of it stands twice")]),
    ("just words", [("", "not a string")]),
    ({"alow": {}}, [("alow", "is not allow or deny; did you mean allow?")]),
    ({"and": [EMAIL]}, [("and", "is not allow or deny; it belongs below one of them")]),
    ({"email": "a"}, [("email", "criteria stand in a list below and, or, not or nor")]),
    ([{"reject": {}}], [("[0].reject", "criteria stand in a list")]),
    ({"allow": None, "deny": []}, [("allow", "not nothing"), ("deny", "not a list")]),
    ({"allow": {"nand": []}}, [("allow.nand", "is not and, or, not or nor; did you mean and?")]),
    ({"allow": {"claim/groups": "a"}}, [("allow.claim/groups", "criteria stand in a list")]),
    ({"allow": {"and": None}}, [("allow.and", "must be a list of criteria, not nothing")]),
    ({"allow": {"and": EMAIL}}, [("allow.and", "must be a list of criteria, not a mapping")]),
    ({"allow": {"and": ["email"]}}, [("allow.and[0]", "must be one criterion, a mapping with one key, not a string")]),
    ({"allow": {"or": [{}, {**EMAIL, "user": "a"}]}}, [("allow.or[0]", "not 0 keys"), ("allow.or[1]", "not 2 keys")]),
    ({"allow": {"or": [{"emial": "a"}]}}, [("allow.or[0].emial", "is not a criterion; did you mean email?")]),
    ({"allow": {"or": [{"group": "admin"}]}}, [("allow.or[0].group", "did you mean groups?")]),
    ({"allow": {"or": [{"Email": "a"}]}}, [("allow.or[0].Email", "did you mean email?")]),
    ({"allow": {"or": [{"whatever": "a"}]}}, [("allow.or[0].whatever", "is not a criterion")]),
    ({"allow": {"or": [{"claim": "a"}]}}, [("allow.or[0].claim", "does not say which: write claim/NAME")]),
    ({"allow": {"or": [{"claim/": "a"}]}}, [("allow.or[0].claim/", "does not say which")]),
    ({"allow": {"or": [{"email/x": "a"}]}}, [("allow.or[0].email/x", "must be email alone")]),
    ({"allow": {"or": [{"accept/": True}]}}, [("allow.or[0].accept/", "must be accept alone")]),
    *(
        ({"deny": {"or": [{name: "x"}]}}, [(f"deny.or[0].{name}", f"is not supported: {words}")])
        for name, words in (
            ("device", "devices are not registered here"),
            ("record", "there are no external data sources"),
            ("mcp_tool", "there is no MCP"),
            ("ssh_username", "there is no SSH"),
            ("ssh_publickey", "there is no SSH"),
            ("date", "only Pomerium Zero and Enterprise know it"),
            ("day_of_week", "only Pomerium Zero and Enterprise know it"),
            ("time_of_day", "only Pomerium Zero and Enterprise know it"),
        )
    ),
    ({"allow": {"or": [{"accept": False}]}}, [("allow.or[0].accept", "means the same with false as with true")]),
    *(
        ({"allow": {"or": [{name: value}]}}, [(f"allow.or[0].{name}", words)])
        for name in ("user", "email", "domain", "http_method", "http_path")
        for value, words in (
            (5, "must be a string, not a number; put it in quotes"),
            (True, "must be a string, not true or false; put it in quotes"),
            (None, "must be a string, not nothing"),
            (["a", "b"], "must be a string, not a list; for several, write in: [...]"),
            ("", "is empty: it would match whoever lacks the value, or everybody"),
            ({}, "names no operator; write one of is, not, contains, starts_with, ends_with, in, not_in"),
        )
    ),
    (
        {"allow": {"or": [{"email": {"has": "a", "iss": "b", "in": "c", "not_in": [1, "d"], "is": {}}}]}},
        [
            ("allow.or[0].email.has", "is not one of is, not, contains"),
            ("allow.or[0].email.iss", "did you mean is?"),
            ("allow.or[0].email.in", "must be a list of strings, not a string"),
            ("allow.or[0].email.not_in[0]", "must be a string, not a number"),
            ("allow.or[0].email.is", "must be a string, not a mapping"),
        ],
    ),
    (
        {"allow": {"or": [{"email": {"in": ["a", ""]}}, {"email": {"starts_with": ""}}]}},
        [("allow.or[0].email.in[1]", "is empty"), ("allow.or[1].email.starts_with", "is empty")],
    ),
    (
        {"allow": {"or": [{"claim/a": ["x"]}, {"groups": None}, {"groups": {}}, {"claim/a": {"in": ["x"]}}]}},
        [
            ("allow.or[0].claim/a", "not a list; write one criterion for each value"),
            ("allow.or[1].groups", "must be a string, a number, true or false, not nothing"),
            ("allow.or[2].groups", "names no operator; write one of has, is, exclude"),
            ("allow.or[3].claim/a.in", "is not one of has, is, exclude"),
        ],
    ),
    *(
        (
            {"allow": {"or": [{"source_ip": value}]}},
            [(f"allow.or[0].source_ip{at}", "must be an IP address, or a range")],
        )
        for value, at in (
            ("not-an-ip-address", ""),
            ("", ""),
            (1, ""),
            ({"is": "10.0.0.1"}, ""),
            (["10.0.0.1", {"key": "value"}], "[1]"),
            ("10.0.0.0/33", ""),
            ("10.0.0.0/", ""),
            ("10.0.0.0/255.0.0.0", ""),
            ("10.0.0.0/-1", ""),
            ("10.0.0", ""),
            ("fe80::1%eth0", ""),
            ("10.0.0.1, 10.0.0.2", ""),
        )
    ),
]

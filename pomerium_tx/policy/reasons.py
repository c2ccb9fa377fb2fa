"""
The names of the reasons that policies give.

They are Pomerium's (``pkg/policy/criteria/reasons.go``), so that existing log searches keep working.
"""

from __future__ import annotations

from typing import Final

ACCEPT: Final = "accept"
REJECT: Final = "reject"
USER_OK: Final = "user-ok"
USER_UNAUTHORIZED: Final = "user-unauthorized"
USER_UNAUTHENTICATED: Final = "user-unauthenticated"
"""
Of every criterion about a person, where nobody is signed in.
"""
EMAIL_OK: Final = "email-ok"
EMAIL_UNAUTHORIZED: Final = "email-unauthorized"
DOMAIN_OK: Final = "domain-ok"
DOMAIN_UNAUTHORIZED: Final = "domain-unauthorized"
CLAIM_OK: Final = "claim-ok"
CLAIM_UNAUTHORIZED: Final = "claim-unauthorized"
GROUPS_OK: Final = "groups-ok"
GROUPS_UNAUTHORIZED: Final = "groups-unauthorized"
HTTP_METHOD_OK: Final = "http-method-ok"
HTTP_METHOD_UNAUTHORIZED: Final = "http-method-unauthorized"
HTTP_PATH_OK: Final = "http-path-ok"
HTTP_PATH_UNAUTHORIZED: Final = "http-path-unauthorized"
SOURCE_IP_OK: Final = "source-ip-ok"
SOURCE_IP_UNAUTHORIZED: Final = "source-ip-unauthorized"
CORS_REQUEST: Final = "cors-request"
NON_CORS_REQUEST: Final = "non-cors-request"
NON_POMERIUM_ROUTE: Final = "non-pomerium-route"
CLIENT_CERTIFICATE_OK: Final = "client-certificate-ok"
CLIENT_CERTIFICATE_UNAUTHORIZED: Final = "client-certificate-unauthorized"
CLIENT_CERTIFICATE_REQUIRED: Final = "client-certificate-required"
INVALID_CLIENT_CERTIFICATE: Final = "invalid-client-certificate"
VALID_CLIENT_CERTIFICATE: Final = "valid-client-certificate"

WITHOUT_CERTIFICATE: Final = frozenset({CLIENT_CERTIFICATE_REQUIRED, INVALID_CLIENT_CERTIFICATE})
"""
That the client's certificate is missing or wrong: among the reasons of deny rules, they refuse whatever the rest says.
"""

"""
What has to be registered at an OP, so that people can sign in and sign-out can be complete.
"""

from __future__ import annotations

from dataclasses import dataclass

from pomerium_tx import paths


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredUris:
    """
    The URIs of one client, by the names that the specifications have for them.
    """

    redirect_uri: str
    """
    OpenID Connect Core 1.0, section 3.1.2.1.
    """
    post_logout_redirect_uri: str
    """
    RP-Initiated Logout 1.0, section 3.1.
    """
    frontchannel_logout_uri: str
    """
    Front-Channel Logout 1.0, section 2.
    """
    backchannel_logout_uri: str
    """
    Back-Channel Logout 1.0, section 2.2.
    """

    @classmethod
    def at(cls, authenticate_origin: str) -> RegisteredUris:
        """
        Those of the authenticate host.
        """
        return cls(
            redirect_uri=authenticate_origin + paths.PROVIDER_CALLBACK,
            post_logout_redirect_uri=authenticate_origin + paths.SIGNED_OUT,
            frontchannel_logout_uri=authenticate_origin + paths.SIGN_OUT,
            backchannel_logout_uri=authenticate_origin + paths.BACKCHANNEL_LOGOUT,
        )

    def as_json(self) -> dict[str, str]:
        """
        The same by name.
        """
        return {name: getattr(self, name) for name in self.__slots__}

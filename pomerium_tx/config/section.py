"""
What every section of a configuration is, and the types of its keys.

An annotation names the function that turns what stood in the file into the value that is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretBytes, SecretStr

from pomerium_tx.config.forms import general as forms
from pomerium_tx.config.forms import secrets, values
from pomerium_tx.config.forms.networks import Network, networks
from pomerium_tx.config.forms.values import Address, AdminAddress

Duration = Annotated[timedelta, BeforeValidator(values.duration)]
Positive = Annotated[timedelta, BeforeValidator(values.positive_duration)]
Limit = Annotated[timedelta | None, BeforeValidator(values.limit)]
Strings = Annotated[tuple[str, ...], BeforeValidator(values.string_list)]
StringMap = Annotated[Mapping[str, str], BeforeValidator(values.string_map)]
Text = Annotated[str, BeforeValidator(forms.text)]
Truth = Annotated[bool, BeforeValidator(forms.truth)]
Origin = Annotated[str, BeforeValidator(values.origin_url)]
RouteOrigin = Annotated[str, BeforeValidator(values.route_origin)]
Origins = Annotated[tuple[str, ...], BeforeValidator(values.origin_list)]
Url = Annotated[str, BeforeValidator(values.absolute_url)]
RequestHeaders = Annotated[Mapping[str, str], BeforeValidator(forms.request_headers)]
ResponseHeaders = Annotated[Mapping[str, str], BeforeValidator(forms.response_headers)]
HeaderName = Annotated[str, BeforeValidator(forms.header_name)]
HeaderNames = Annotated[tuple[str, ...], BeforeValidator(forms.header_names)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(networks)]
ListenAddress = Annotated[Address, BeforeValidator(values.address)]
Key32 = Annotated[SecretBytes, BeforeValidator(secrets.key_of_32_bytes)]
AdminListener = Annotated[AdminAddress | None, BeforeValidator(values.admin_address)]
AdminToken = Annotated[SecretStr, BeforeValidator(secrets.admin_token)]
Password = Annotated[SecretStr, BeforeValidator(secrets.password)]
SigningKeys = Annotated[SecretBytes, BeforeValidator(secrets.signing_keys)]
Certificates = Annotated[bytes, BeforeValidator(secrets.certificates)]
PrivateKey = Annotated[SecretBytes, BeforeValidator(secrets.private_key)]
FileName = Annotated[str, BeforeValidator(forms.text)]
SiteData = Annotated[tuple[Literal["cache", "cookies", "storage"], ...], BeforeValidator(forms.site_data)]
ImageUrl = Annotated[str, BeforeValidator(forms.image_url)]
Colour = Annotated[str, BeforeValidator(forms.colour)]
IssuerFormat = Annotated[Literal["hostOnly", "uri"], BeforeValidator(forms.issuer_format)]

MOST_CONNECTIONS = 1_000_000
"""
The largest number of connections or requests that can be written: more is a slip of the keyboard.
"""


class Section(BaseModel):
    """
    A mapping in the file. Frozen; what has secrets in it does not show them.
    """

    # Not use_attribute_docstrings: every process would read its sources again at the start and keep what stands there.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=False)

    files: ClassVar[Mapping[str, str]] = {}
    """
    Keys that may be given as a file: the key -> the key that names the file.
    """
    is_either_or: ClassVar[bool] = False
    """
    Whether such a key and the one that names its file must not stand side by side. Where they may, the file counts.
    """
    nested: ClassVar[Mapping[str, type[Section]]] = {}
    """
    Keys whose value is a section of its own, or a list of such.
    """
    empty_says: ClassVar[frozenset[str] | None] = None
    """
    The keys in which an empty string says something; with the others it is as if they were not there, as in Pomerium.
    None where it always says something.
    """
    is_message: ClassVar[bool] = False
    """
    Whether it is a message of protobuf in Pomerium, in which ``a_key`` may be written ``aKey``.
    """

    @classmethod
    def is_unwritten(cls, name: str, value: object) -> bool:
        """
        Whether *value* is as if the key *name* were not there.
        """
        if isinstance(value, str) and not value.strip():
            return cls.empty_says is not None and name not in cls.empty_says
        return value is None

"""
Keys, certificates and passwords: read, checked, and kept out of every ``repr``.

A ``str`` is what stood in the configuration, ``bytes`` is what a ``_file`` key named.
No message here repeats any part of a value.
"""

from __future__ import annotations

import base64
import binascii
import re
import stat
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pydantic import SecretBytes, SecretStr

MAX_FILE_BYTES = 4 * 1024 * 1024
_TOKEN = re.compile(r"[\x21-\x7e]{32,}")
_DELTA = x509.DeltaCRLIndicator.oid
_REVOCATION_LIST = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?P<label>[A-Z ]*PRIVATE KEY)-----.*?-----END (?P=label)-----", re.DOTALL)


UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""
What comes of a certificate, or list of them, in which something is not as it should be: at once, or when it is asked.
"""


class UnreadableFile(Exception):
    """
    A file that the configuration names cannot be read.
    """


def read_file(path: Path) -> bytes:
    """
    The content of a regular file of sane size.

    :raises UnreadableFile: With words for the operator.
    """
    try:
        # A FIFO or a device could make the start wait forever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableFile("is not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror or type(error).__name__}") from None
    except ValueError:
        raise UnreadableFile("cannot be read: not a valid path") from None
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableFile("is too large")
    return content


def is_exposed(path: Path) -> bool:
    """
    Whether every user of this machine may read the file.
    """
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except (OSError, ValueError):
        return False


def key_of_32_bytes(value: object) -> SecretBytes:
    """
    A symmetric key: base64 of exactly 32 bytes.
    """
    if isinstance(value, SecretBytes):
        return value
    wanted = "must be base64 of 32 random bytes; make one with: head -c32 /dev/urandom | base64"
    # An editor ends a file with a newline; inside the configuration white space is a mistake.
    encoded = value.rstrip(b"\r\n") if isinstance(value, bytes) else _ascii(value, wanted)
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError(wanted) from None
    if len(key) != 32:
        raise ValueError(f"{wanted} (this is base64 of {len(key)})")
    return SecretBytes(key)


def password(value: object) -> SecretStr:
    """
    A secret that is text, such as ``idp_client_secret``.
    """
    if isinstance(value, SecretStr):
        return value
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise ValueError("must be UTF-8 text") from None
    if not isinstance(value, str):
        raise ValueError("must be a string; put it in quotes")
    if not value:
        raise ValueError("must not be empty")
    return SecretStr(value)


def admin_token(value: object) -> SecretStr:
    """
    What an administrator's request must show: long enough not to be guessed, and fit for a header.
    """
    token = password(value)
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError(
            "must be at least 32 letters, digits or signs, without spaces; make one with: "
            "head -c32 /dev/urandom | base64"
        )
    return token


def signing_keys(value: object) -> SecretBytes:
    """
    One or more PEM private keys, or base64 of that.
    """
    if isinstance(value, SecretBytes):
        return value
    wanted = "must be a PEM private key (EC P-256, RSA of at least 2048 bits, or Ed25519), or base64 of one"
    pem = _pem_or_base64(value, wanted)
    blocks = [match.group() for match in _PRIVATE_KEY.finditer(pem)]
    if not blocks:
        raise ValueError(wanted)
    for block in blocks:
        key = _private_key(block, wanted)
        usable = (
            (isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1))
            or (isinstance(key, RSAPrivateKey) and key.key_size >= 2048)
            or isinstance(key, Ed25519PrivateKey)
        )
        if not usable:
            raise ValueError(wanted)
    return SecretBytes(b"\n".join(blocks) + b"\n")


def certificates(value: object) -> bytes:
    """
    One or more PEM certificates, or base64 of that.
    """
    wanted = "must be PEM certificates, or base64 of them"
    pem = _pem_or_base64(value, wanted)
    try:
        for each in x509.load_pem_x509_certificates(pem):
            # They are read only when they are asked for.
            _ = each.subject, each.issuer, each.not_valid_before_utc, each.not_valid_after_utc
    except UNREADABLE:
        raise ValueError(wanted) from None
    return pem


def revocation_lists(value: object) -> bytes:
    """
    One or more PEM revocation lists, or base64 of that.
    """
    wanted = "must be PEM revocation lists (X509 CRL), or base64 of them"
    pem = _pem_or_base64(value, wanted)
    try:
        lists = load_revocation_lists(pem)
        is_delta = any(extension.oid == _DELTA for each in lists for extension in each.extensions)
        for each in lists:
            _ = each.issuer, each.last_update_utc, each.next_update_utc
    except UNREADABLE:
        raise ValueError(wanted) from None
    if not lists:
        raise ValueError(wanted)
    if is_delta:
        raise ValueError("is, or contains, a list of changes only (delta CRL); name the complete one")
    return pem


def load_revocation_lists(pem: bytes) -> list[x509.CertificateRevocationList]:
    """
    The revocation lists in *pem*.

    :raises ValueError: If one of them cannot be read.
    """
    return [x509.load_pem_x509_crl(match.group()) for match in _REVOCATION_LIST.finditer(pem)]


def private_key(value: object) -> SecretBytes:
    """
    The PEM private key of a certificate, or base64 of it.
    """
    if isinstance(value, SecretBytes):
        return value
    wanted = "must be a PEM private key, or base64 of one"
    pem = _pem_or_base64(value, wanted)
    match = _PRIVATE_KEY.search(pem)
    if match is None:
        raise ValueError(wanted)
    _private_key(match.group(), wanted)
    return SecretBytes(match.group() + b"\n")


def belong_together(certificate: bytes, key: SecretBytes) -> bool:
    """
    Whether *key* is the private key of the first of the PEM certificates.
    """
    leaf = x509.load_pem_x509_certificates(certificate)[0]
    public = load_pem_private_key(key.get_secret_value(), None).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        return leaf.public_key().public_bytes(*form) == public.public_bytes(*form)
    except (ValueError, UnsupportedAlgorithm):
        return False


def _private_key(pem: bytes, wanted: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError("needs a passphrase; write it without one with: openssl pkey -in KEY -out NEW_KEY") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(wanted) from None


def _pem_or_base64(value: object, wanted: str) -> bytes:
    pem = value if isinstance(value, bytes) else _ascii(value, wanted)
    if b"-----BEGIN " in pem:
        return pem
    try:
        return base64.b64decode(b"".join(pem.split()), validate=True)
    except binascii.Error:
        raise ValueError(wanted) from None


def _ascii(value: object, wanted: str) -> bytes:
    if not isinstance(value, str) or not value.isascii():
        raise ValueError(wanted)
    return value.encode("ascii")

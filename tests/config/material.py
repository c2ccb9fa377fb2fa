"""
Keys, certificates and small configurations for the tests of this room.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from pomerium_tx.config.loader import Loaded, load
from pomerium_tx.config.problems import InvalidConfig, Problem

KEY_32 = base64.b64encode(bytes(range(32))).decode("ascii")
SMALLEST: Mapping[str, object] = {
    "insecure_server": True,
    "authenticate_service_url": "https://authenticate.example.com",
    "idp_provider": "oidc",
    "idp_provider_url": "https://op.example.com",
    "idp_client_id": "client",
    "idp_client_secret": "planted-client-secret",
    "shared_secret": KEY_32,
    "cookie_secret": KEY_32,
}
ROUTE: Mapping[str, object] = {
    "from": "https://app.example.com",
    "to": "http://127.0.0.1:3000",
    "allow_any_authenticated_user": True,
}


@cache
def key_pair(name: str = "app.example.com", curve: type[ec.EllipticCurve] = ec.SECP256R1) -> tuple[bytes, bytes]:
    """
    A self-signed certificate and its key, PEM; the same for the same *name*.
    """
    key = ec.generate_private_key(curve())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), pem


def locked_key() -> bytes:
    """
    A private key that needs a passphrase.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))


def written(directory: str, content: str | bytes, name: str = "config.yaml") -> Path:
    """
    A file with *content*.
    """
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    file = path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    file.chmod(0o600)
    return file


def loaded(directory: str, values: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Loaded:
    """
    The smallest configuration with *values* added; a value of ``...`` takes its key away.
    """
    merged = {key: value for key, value in {**SMALLEST, **values}.items() if value is not ...}
    return load(written(directory, yaml.safe_dump(merged, sort_keys=False)), environ or {})


def complaints(directory: str, values: Mapping[str, object], environ: Mapping[str, str] | None = None) -> list[Problem]:
    """
    What is wrong with such a configuration.
    """
    try:
        loaded(directory, values, environ)
    except InvalidConfig as invalid:
        return list(invalid.problems)
    return []

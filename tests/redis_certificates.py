"""Certificates for the tests of TLS: an authority of its own, and a server at 127.0.0.1."""

import datetime
import ipaddress
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SIGNS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def write_certificates(folder: Path, host: str = "127.0.0.1") -> tuple[Path, list[str]]:
    """Write the certificates; return the authority's, and the settings of a server for TLS."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = _name("Butler's tests")
    is_authority = x509.BasicConstraints(ca=True, path_length=None)
    ca = _signed(name, name, ca_key, ca_key, {is_authority: True, _SIGNS: True})
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    certificate = _signed(_name(host), name, key, ca_key, {alternative: False})
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "server.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "server.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "ca.pem", [
        f"tls-cert-file {folder}/server.pem",
        f"tls-key-file {folder}/server.key",
        f"tls-ca-cert-file {folder}/ca.pem",
        "tls-auth-clients no",
    ]


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    extensions: Mapping[x509.ExtensionType, bool],
) -> x509.Certificate:
    """Return a certificate that Python 3.13 takes, too; the extensions say if they are critical."""
    now = datetime.datetime.now(datetime.UTC)
    identifiers = (
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()),
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    for extension, is_critical in {**extensions, **dict.fromkeys(identifiers, False)}.items():
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(by, hashes.SHA256())

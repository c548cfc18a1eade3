"""Certificates: how one is issued, and when one that is there does. EC P-256, authorities for ten years.

Pure: the present moment is an argument.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubeup.model.resources import CertificateSpec
from kubeup.pki.specs import CertificateAuthority

AUTHORITY_DAYS = 3650
# Clocks of machines differ: a certificate made just now would not be valid yet on one that is behind.
BACKDATE = datetime.timedelta(minutes=10)


@dataclass(frozen=True)
class KeyPair:
    """PEM bytes. The key never appears in a repr."""

    cert_pem: bytes
    key_pem: bytes

    def __repr__(self) -> str:
        return "KeyPair(...)"


def authority(authority: CertificateAuthority, now: datetime.datetime) -> KeyPair:
    """A new self-signed authority. now: aware, UTC."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, authority.common_name)])
    builder = (
        _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def certificate(spec: CertificateSpec, authority: KeyPair, now: datetime.datetime) -> KeyPair:
    """A new key and a certificate for it as wished, signed by the authority. now: aware, UTC."""
    issuer = x509.load_pem_x509_certificate(authority.cert_pem)
    issuer_key = serialization.load_pem_private_key(authority.key_pem, None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_subject(spec), issuer.subject, key.public_key(), now, spec.lifetime_days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_usages(spec)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    names = _alternative_names(spec)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _pair(builder.sign(issuer_key, hashes.SHA256()), key)


def service_account_key() -> tuple[bytes, bytes]:
    """(private, public) PEM of the key that signs service account tokens; the control plane shares it."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _private_pem(key), public


def satisfied(spec: CertificateSpec, cert_pem: bytes, authority_pem: bytes, now: datetime.datetime) -> str:
    """Why this certificate does not do, in words; empty when it does."""
    try:
        cert = x509.load_pem_x509_certificate(cert_pem)
        authority = x509.load_pem_x509_certificate(authority_pem)
    except ValueError:
        return "it is not a certificate"
    try:
        cert.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return "it was signed by another authority"
    left = cert.not_valid_after_utc - now
    if left < datetime.timedelta(days=spec.lifetime_days / 3):
        return f"it expires in {max(left.days, 0)} days" if left.total_seconds() > 0 else "it has expired"
    if cert.subject != _subject(spec):
        return f"it is for {cert.subject.rfc4514_string()}"
    return _names_differ(spec, cert)


def _names_differ(spec: CertificateSpec, cert: x509.Certificate) -> str:
    try:
        names = set(cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = set()
    wanted = set(_alternative_names(spec))
    if names == wanted:
        usages = set(cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        return "" if usages == set(_usages(spec)) else "its key usages differ"
    lacks = ", ".join(sorted(str(name.value) for name in wanted - names))
    extra = ", ".join(sorted(str(name.value) for name in names - wanted))
    return f"it lacks the name {lacks}" if lacks else f"it still has the name {extra}"


def fingerprint(cert_pem: bytes) -> str:
    """sha256 of the certificate's DER, in hex."""
    return x509.load_pem_x509_certificate(cert_pem).fingerprint(hashes.SHA256()).hex()


def _subject(spec: CertificateSpec) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in spec.organizations]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, spec.common_name)])


def _alternative_names(spec: CertificateSpec) -> list[x509.GeneralName]:
    dns = [x509.DNSName(name) for name in dict.fromkeys(spec.dns_names)]
    return [*dns, *(x509.IPAddress(ipaddress.ip_address(text)) for text in dict.fromkeys(spec.ip_addresses))]


def _usages(spec: CertificateSpec) -> list[x509.ObjectIdentifier]:
    server = [ExtendedKeyUsageOID.SERVER_AUTH] if spec.server else []
    return [*server, *([ExtendedKeyUsageOID.CLIENT_AUTH] if spec.client else [])]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _key_usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=sign,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(cert: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(cert.public_bytes(serialization.Encoding.PEM), _private_pem(key))


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

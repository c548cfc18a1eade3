"""Which certificates a node should have, when one satisfies, and how one is minted.

kubeadm's layout below /etc/kubernetes/pki: three authorities, EC P-256, authorities for ten years, leaves for one.
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

from kubeup.model.cluster import Cluster, Node
from kubeup.model.resources import CertificateSpec

ROOT = "/etc/kubernetes/pki"
AUTHORITY_DAYS = 3650
# Clocks of machines differ; a certificate that is not valid yet is a riddle at night.
BACKDATE = datetime.timedelta(minutes=10)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the cluster; its key lives on masters only."""

    name: str
    cert_path: str
    key_path: str
    common_name: str


AUTHORITIES = (
    Authority("kubernetes", f"{ROOT}/ca.crt", f"{ROOT}/ca.key", "kubernetes-ca"),
    Authority("etcd", f"{ROOT}/etcd/ca.crt", f"{ROOT}/etcd/ca.key", "etcd-ca"),
    Authority("front-proxy", f"{ROOT}/front-proxy-ca.crt", f"{ROOT}/front-proxy-ca.key", "front-proxy-ca"),
)


@dataclass(frozen=True)
class KeyPair:
    """PEM bytes. The key never appears in a repr."""

    cert_pem: bytes
    key_pem: bytes

    def __repr__(self) -> str:
        return "KeyPair(...)"


def specs_for(cluster: Cluster, node: Node) -> tuple[CertificateSpec, ...]:
    """What a machine of these roles should have: a worker only leaves of its own."""
    return (*(_master_specs(cluster, node) if node.is_master else ()), *(_node_specs(node) if node.is_node else ()))


def _master_specs(cluster: Cluster, node: Node) -> tuple[CertificateSpec, ...]:
    network = cluster.network
    own_dns, own_ips = ("localhost", node.name), ("127.0.0.1", "::1", node.address)
    api_dns = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{network.dns_domain}",
        "localhost",
        *(master.name for master in cluster.masters),
    )
    api_ips = ("127.0.0.1", str(network.api_ip), *(master.address for master in cluster.masters))

    def client(name: str, common_name: str, *organizations: str, authority: str = "kubernetes") -> CertificateSpec:
        return CertificateSpec(f"{ROOT}/{name}.crt", authority, common_name, organizations, client=True)

    def local_server(name: str) -> CertificateSpec:
        return CertificateSpec(
            f"{ROOT}/{name}-server.crt",
            "kubernetes",
            name,
            dns_names=("localhost",),
            ip_addresses=("127.0.0.1",),
            server=True,
        )

    return (
        CertificateSpec(f"{ROOT}/etcd/server.crt", "etcd", node.name, (), own_dns, own_ips, server=True, client=True),
        CertificateSpec(f"{ROOT}/etcd/peer.crt", "etcd", node.name, (), own_dns, own_ips, server=True, client=True),
        CertificateSpec(f"{ROOT}/apiserver.crt", "kubernetes", "kube-apiserver", (), api_dns, api_ips, server=True),
        client("apiserver-etcd-client", "kube-apiserver-etcd-client", authority="etcd"),
        # No system:masters: one ClusterRoleBinding gives it what it needs.
        client("apiserver-kubelet-client", "kube-apiserver-kubelet-client"),
        client("front-proxy-client", "front-proxy-client", authority="front-proxy"),
        client("kube-controller-manager", "system:kube-controller-manager"),
        local_server("kube-controller-manager"),
        client("kube-scheduler", "system:kube-scheduler"),
        local_server("kube-scheduler"),
        # system:masters passes even when RBAC objects are broken: the way back in, readable by root on masters only.
        client("admin", "kubernetes-admin", "system:masters"),
    )


def _node_specs(node: Node) -> tuple[CertificateSpec, ...]:
    """Names as the Node authorizer wants them: https://kubernetes.io/docs/reference/access-authn-authz/node/"""
    return (
        CertificateSpec(
            f"{ROOT}/kubelet-client.crt", "kubernetes", f"system:node:{node.name}", ("system:nodes",), client=True
        ),
        CertificateSpec(
            f"{ROOT}/kubelet.crt",
            "kubernetes",
            f"kubelet-{node.name}",
            dns_names=(node.name,),
            ip_addresses=(node.address,),
            server=True,
        ),
        CertificateSpec(f"{ROOT}/kube-proxy.crt", "kubernetes", "system:kube-proxy", client=True),
    )


def mint_authority(authority: Authority, now: datetime.datetime) -> KeyPair:
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


def mint(spec: CertificateSpec, authority: KeyPair, now: datetime.datetime) -> KeyPair:
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


def mint_service_account_key() -> tuple[bytes, bytes]:
    """(private, public) PEM of the key that signs service account tokens; all masters share it."""
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

"""Throw-away certificates for loopback names."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.gateways import Client

DAY = dt.timedelta(days=1)


def write_certificate(
    folder: Path, name: str, curve: ec.EllipticCurve | None = None
) -> tuple[Path, Path]:
    """Write a self-signed certificate with this common name and its key, replacing older ones."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    addresses = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    names = [x509.DNSName("localhost"), *(x509.IPAddress(address) for address in addresses)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    replace(folder / "key.pem", private)
    replace(folder / "cert.pem", certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "cert.pem", folder / "key.pem"


def make_context(folder: Path) -> ssl.SSLContext:
    """Write a certificate and return a server's context that shows it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(folder, "test"))
    return context


def replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


async def look(client: Client) -> str:
    """Return the common name in the certificate that a new connection is shown."""
    wire = await client.connect()
    found = wire.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    await wire.close()
    subject = x509.load_der_x509_certificate(found).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

"""A certificate authority of one's own, and a server's certificate from it.

Made once and kept in a folder of the user's, so that the authority has to be trusted
once. The certificate is renewed when it is about to expire, when its names are not
those wanted, or when the authority is another one.

Rules:
- the folder is for the user alone, and so is every file with a key;
- a file appears whole or not at all, and of two servers that start at the same moment
  one authority wins;
- the authority can sign certificates of servers and nothing else.

Needs `cryptography`, which the extra `headwater[tls]` brings: this module is imported only
when a server is to make its own certificate.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from headwater.server.http.tls import TlsError

CA_FILE = "ca.pem"
"""The authority's certificate: what clients are told to trust."""
CA_KEY_FILE = "ca-key.pem"
"""The authority's key and certificate."""
SERVER_FILE = "server.pem"
"""The server's key and certificate."""

CA_DAYS = 3650
SERVER_DAYS = 397
"""Browsers and Apple's systems take no longer one."""
RENEWAL_DAYS = 30
BACKDATED_HOURS = 24
"""For clients whose clock is behind."""

ALWAYS_NAMED = ("localhost", "*.localhost", "host.docker.internal", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Issued:
    """A key and the certificate for it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def ensure_ca(folder: Path, now: datetime | None = None) -> Path:
    """The path of the authority's certificate, which is made if there is none. Raises `TlsError`."""
    _authority(folder, now or datetime.now(UTC))
    return folder / CA_FILE


def ensure_server(folder: Path, names: tuple[str, ...], now: datetime | None = None) -> Path:
    """The path of a file with a key and a certificate for `names`, made if need be. Raises `TlsError`."""
    now = now or datetime.now(UTC)
    authority = _authority(folder, now)
    path = folder / SERVER_FILE
    wanted = _alternative_names((*ALWAYS_NAMED, *names))
    present = _read(path)
    if present is None or not _is_good(present.certificate, authority.certificate, wanted, now):
        _write(path, _pem(_issue(authority, wanted, now)))
    return path


def _authority(folder: Path, now: datetime) -> Issued:
    try:
        if not folder.parent.exists():  # it may be the data directory
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise TlsError(f"cannot use {folder}: {(error.strerror or str(error)).lower()}") from error
    path = folder / CA_KEY_FILE
    was_there = path.exists()
    authority = _read(path)
    if authority is None or authority.certificate.not_valid_after_utc < now + timedelta(days=SERVER_DAYS):
        _write(path, _pem(_found(now)), replace=was_there)
        authority = _read(path)
        if authority is None:
            raise TlsError(f"{path} is not an authority's key and certificate")
    public = _certificate_pem(authority.certificate)
    with suppress(FileNotFoundError):
        if (folder / CA_FILE).read_bytes() == public:
            return authority
    _write(folder / CA_FILE, public, mode=0o644)
    return authority


def _found(now: datetime) -> Issued:
    """A new authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    # Part of the name, so that an older authority is not mistaken for this one.
    name = _name(f"Headwater local authority {secrets.token_hex(4)}")
    builder = (
        _builder(name, name, key, now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
    )
    return Issued(key, _signed(builder, key, key))


def _issue(authority: Issued, names: list[x509.GeneralName], now: datetime) -> Issued:
    """A certificate for a server."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name("Headwater"), authority.certificate.subject, key, now, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    return Issued(key, _signed(builder, key, authority.key))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=BACKDATED_HOURS))
        .not_valid_after(now - timedelta(hours=BACKDATED_HOURS) + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    if by is not key:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
        builder = builder.add_extension(issuer, critical=False)
    return builder.sign(by, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: tuple[str, ...]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            try:
                found.append(x509.DNSName(name.encode("idna").decode()))
            except ValueError as error:
                raise TlsError(f"{name!r} is no name for a certificate") from error
    return found


def _is_good(
    present: x509.Certificate, authority: x509.Certificate, names: list[x509.GeneralName], now: datetime
) -> bool:
    try:
        present.verify_directly_issued_by(authority)
        present_names = present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    is_current = present.not_valid_before_utc <= now
    is_lasting = now + timedelta(days=RENEWAL_DAYS) < present.not_valid_after_utc
    return is_current and is_lasting and set(names) == set(present_names)


def _pem(issued: Issued) -> bytes:
    key = issued.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key + _certificate_pem(issued.certificate)


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _read(path: Path) -> Issued | None:
    """What a file holds; `None` if there is none, or nothing that can be used."""
    try:
        pem = path.read_bytes()
        key = serialization.load_pem_private_key(pem, None)
        certificate = x509.load_pem_x509_certificate(pem)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return None
    except OSError as error:
        raise TlsError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    return Issued(key, certificate) if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _write(path: Path, content: bytes, *, mode: int = 0o600, replace: bool = True) -> None:
    """Write a file whole. Without `replace` a file that has appeared meanwhile stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        if replace:
            draft.replace(path)
        else:
            with suppress(FileExistsError):
                path.hardlink_to(draft)
    except OSError as error:
        raise TlsError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
    finally:
        draft.unlink(missing_ok=True)

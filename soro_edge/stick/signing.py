"""Ed25519 signatures of a stick's manifest, and the maker's key file. The only importer of nacl.

The secret key lies in a JSON file, sealed by a passphrase (Argon2id, XSalsa20-Poly1305) where one is
given. Who is trusted is not decided here.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from nacl import encoding, exceptions, pwhash, secret, signing, utils

from soro_edge.locale import _
from soro_edge.paths import storage_error
from soro_edge.stick.errors import BadSignature, KeyExists, KeyUnusable, WrongPassphrase

_PURPOSE = b"soro stick manifest 1\n"
"""Signed along, so that a signature made for anything else is worth nothing here."""
_HEX = encoding.HexEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What lies beside a manifest."""

    key: str
    """The public key, in hex."""
    signature: str
    """In hex."""


def make_key(file: Path, passphrase: str) -> str:
    """Write a new secret key, readable by its owner alone; the public key. Raises StorageError,
    KeyExists: a key that is lost cannot be made again."""
    key = signing.SigningKey.generate()
    document: dict[str, str] = {"public": key.verify_key.encode(_HEX).decode()}
    if passphrase:
        salt = utils.random(pwhash.argon2id.SALTBYTES)
        box = secret.SecretBox(_sealing_key(passphrase, salt))
        document |= {"salt": salt.hex(), "sealed": box.encrypt(bytes(key)).hex()}
    else:
        document["secret"] = bytes(key).hex()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise KeyExists(path=str(file)) from None
    except OSError as error:
        raise storage_error(error, file) from error
    return document["public"]


def is_sealed(file: Path) -> bool:
    """Whether a passphrase is needed. Raises KeyUnusable."""
    return "sealed" in _read_key(file)


def sign(manifest: bytes, file: Path, passphrase: str) -> Signature:
    """Raises KeyUnusable, WrongPassphrase."""
    document = _read_key(file)
    try:
        if "sealed" in document:
            sealing = _sealing_key(passphrase, bytes.fromhex(document["salt"]))
            seed = _opened(sealing, bytes.fromhex(document["sealed"]), file)
        else:
            seed = bytes.fromhex(document["secret"])
        key = signing.SigningKey(seed)
    except (exceptions.CryptoError, KeyError, ValueError, TypeError) as error:
        raise KeyUnusable(path=str(file), reason=_("it is damaged")) from error
    signed = key.sign(_PURPOSE + manifest)
    public = key.verify_key.encode(_HEX).decode()
    return Signature(key=public, signature=signed.signature.hex())


def _opened(sealing: bytes, sealed: bytes, file: Path) -> bytes:
    try:
        return secret.SecretBox(sealing).decrypt(sealed)
    except exceptions.CryptoError as error:
        raise WrongPassphrase(path=str(file)) from error


def write_signature(signature: Signature) -> bytes:
    return f"{signature.key}\n{signature.signature}\n".encode("ascii")


def check_signature(manifest: bytes, written: bytes) -> str:
    """The public key, in hex, that signed `manifest`. Raises BadSignature."""
    try:
        key, signature = written.decode("ascii").split()
        verifying = signing.VerifyKey(bytes.fromhex(key))
        verifying.verify(_PURPOSE + manifest, bytes.fromhex(signature))
    except (exceptions.CryptoError, ValueError, TypeError) as error:
        raise BadSignature from error
    return verifying.encode(_HEX).decode()


def short(key: str) -> str:
    """What people compare: the first 16 digits in fours."""
    return " ".join(key[at : at + 4] for at in range(0, 16, 4))


def _sealing_key(passphrase: str, salt: bytes) -> bytes:
    return pwhash.argon2id.kdf(
        secret.SecretBox.KEY_SIZE,
        passphrase.encode("utf-8"),
        salt,
        opslimit=pwhash.argon2id.OPSLIMIT_MODERATE,
        memlimit=pwhash.argon2id.MEMLIMIT_MODERATE,
    )


def _read_key(file: Path) -> dict[str, str]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeyUnusable(path=str(file), reason=error.strerror or str(error)) from error
    except ValueError as error:
        raise KeyUnusable(path=str(file), reason=_("it is damaged")) from error
    if not isinstance(document, dict):
        raise KeyUnusable(path=str(file), reason=_("it is damaged"))
    return document

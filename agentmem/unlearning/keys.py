"""Keys of forgetting: what signs receipts, and what makes digests that nobody can guess at without it.

They lie outside every space, in `<root>/keys` or where $AGENTMEM_KEYS says, so that no archive takes them along and a
stolen ledger says nothing. Files are readable by their owner alone; they are not encrypted, so put the folder on a disk
that is, and keep a copy apart from the backups of the spaces.

    signing.key       Ed25519, PEM: signs receipts; signing.pub is the part to hand out
    receipts.key      32 bytes, hex: digests of subjects and selectors in receipts
    guard-<name>.key  32 bytes, hex: tombstones of one space; to destroy it silences them for good
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentmem.errors import KeysError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

BYTES = 32
SIGNING = "signing.key"
PUBLIC = "signing.pub"
SUCCESSION = "succession.json"


class Keys:
    """The keys in one folder, each made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # -- signing ---------------------------------------------------------------------------------------------------

    def signing(self) -> Ed25519PrivateKey:
        """Return the key that signs receipts; a new one, if there is none. Raises KeysError if it cannot be read."""
        path = self.folder / SIGNING
        if not path.exists():
            self._made_signing(path)
        return self._signing(path)

    def public(self) -> str:
        """Return the public half of the signing key, as 64 hex digits."""
        return raw_public(self.signing())

    def rotate_signing(self) -> tuple[str, str]:
        """Sign with a new key from now on; the old one vouches for it first. Returns both public halves, old and new.

        Receipts that the old key signed stay valid: each names its key.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        old, new = self.signing(), Ed25519PrivateKey.generate()
        before, after = raw_public(old), raw_public(new)
        vouched = {"old": before, "new": after, "signature": old.sign(succession(before, after)).hex()}
        listed = [*self.successions(), vouched]
        self._write(self.folder / SUCCESSION, json.dumps(listed, indent=2).encode())
        self._write(self.folder / SIGNING, _pem(new))
        self._write(self.folder / PUBLIC, public_pem(new))
        return before, after

    def successions(self) -> list[dict[str, str]]:
        """Return which keys vouched for which, oldest first. Raises KeysError."""
        path = self.folder / SUCCESSION
        if not path.exists():
            return []
        try:
            return list(json.loads(self._read(path)))
        except ValueError as error:
            raise KeysError(f"{path} is damaged ({error}); bring it back from a backup, or remove it") from error

    def _made_signing(self, path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        new = Ed25519PrivateKey.generate()
        if self._create(path, _pem(new)):
            self._write(self.folder / PUBLIC, public_pem(new))

    def _signing(self, path: Path) -> Ed25519PrivateKey:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        mend = (
            f"Bring it back from a backup, or move it away ({path}): then a new one is made and later receipts say so"
        )
        try:
            key = load_pem_private_key(self._read(path), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeysError(
                f"the signing key {path} is damaged or no PEM without a password ({error}). {mend}."
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeysError(f"the signing key {path} is no Ed25519 key. {mend}.")
        return key

    # -- digests ---------------------------------------------------------------------------------------------------

    def receipts(self) -> bytes:
        """Return the key under which receipts name subjects and selectors; a new one, if there is none."""
        path = self.folder / "receipts.key"
        if not path.exists():
            self._create(path, secrets.token_bytes(BYTES).hex().encode())
        return self._secret(path)

    def new_guard(self) -> str:
        """Make a key for tombstones and return its name, which says nothing of it."""
        key = secrets.token_bytes(BYTES)
        name = guard_name(key)
        self._create(self._guard_file(name), key.hex().encode())
        return name

    def guard(self, name: str) -> bytes | None:
        """Return the guard's key of that name, or None if it is not here. Raises KeysError if it is not itself."""
        path = self._guard_file(name)
        if not path.exists():
            return None
        key = self._secret(path)
        if guard_name(key) != name:
            raise KeysError(f"{path} holds another key than its name says; bring the right one back from a backup")
        return key

    def destroy_guard(self, name: str) -> bool:
        """Overwrite and remove a guard's key, which silences its tombstones for good; say whether it was there.

        What a disk, its snapshots and backups keep of the file is out of reach.
        """
        path = self._guard_file(name)
        if not path.exists():
            return False
        with _told(path), path.open("r+b") as handle:
            handle.write(secrets.token_bytes(2 * BYTES))
            handle.flush()
            os.fsync(handle.fileno())
        with _told(path):
            path.unlink()
        return True

    def _guard_file(self, name: str) -> Path:
        return self.folder / f"guard-{name}.key"

    # -- files -----------------------------------------------------------------------------------------------------

    def _secret(self, path: Path) -> bytes:
        try:
            key = bytes.fromhex(self._read(path).decode("ascii").strip())
        except ValueError as error:
            raise KeysError(f"the key {path} is damaged; bring it back from a backup") from error
        if len(key) != BYTES:
            raise KeysError(f"the key {path} has {len(key)} bytes and not {BYTES}; bring it back from a backup")
        return key

    def _read(self, path: Path) -> bytes:
        with _told(path):
            return path.read_bytes()

    def _create(self, path: Path, data: bytes) -> bool:
        """Write a file unless it is there; say whether it was this process that made it."""
        from filelock import FileLock

        self._ready()
        with _told(path), FileLock(self.folder / ".lock"):
            if path.exists():
                return False
            self._write(path, data)
        return True

    def _write(self, path: Path, data: bytes) -> None:
        """Write a file, in place of what is there."""
        self._ready()
        part = self.folder / f".{path.name}.{secrets.token_hex(4)}"
        with _told(path):
            _private(part, data)
            part.replace(path)

    def _ready(self) -> None:
        with _told(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def guard_name(key: bytes) -> str:
    """Return the name of a guard's key: 16 hex digits of its SHA-256."""
    return hashlib.sha256(b"agentmem guard key\0" + key).hexdigest()[:16]


def succession(old: str, new: str) -> bytes:
    """Return what an old key signs to vouch for a new one."""
    return f"agentmem: {old} is followed by {new}".encode()


def raw_public(key: Ed25519PrivateKey) -> str:
    """Return the public half of a key as 64 hex digits."""
    return key.public_key().public_bytes_raw().hex()


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """Return the public half of a key as PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def read_public(path: Path) -> str:
    """Return the public key in a file (PEM, or 64 hex digits) as 64 hex digits. Raises KeysError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    with _told(path):
        data = path.read_bytes()
    key: Any = None
    with contextlib.suppress(ValueError, UnsupportedAlgorithm):
        if data.lstrip().startswith(b"-----"):
            key = load_pem_public_key(data)
        else:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(data.decode("ascii").strip()))
    if not isinstance(key, Ed25519PublicKey):
        raise KeysError(f"{path} holds no Ed25519 public key; pass signing.pub of the folder with the keys")
    return key.public_bytes_raw().hex()


def _pem(key: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _private(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what the disk refused as an error of ours."""
    try:
        yield
    except OSError as error:
        raise KeysError(
            f"{path}: {error.strerror or error}. Keys lie in the folder `keys` of the root, or where AGENTMEM_KEYS "
            "says; its owner must be able to read and write there"
        ) from error

"""A space as one file, and back, exactly: the same memories, ids, vectors bit for bit, lineage, traces and receipts.

An archive is a zip of `ledger.db`, `threads.db` where there is one, and `manifest.json`, which holds the digests of
both. The databases are written by SQLite's `VACUUM INTO`, never copied: a copy of a live WAL database may be torn, and
a vacuumed one holds no free pages in which something erased could be left. Indexes are not archived; the ledger
rebuilds them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sqlite3
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import agentmem
from agentmem import config
from agentmem.errors import (
    DiskFullError,
    ImportRefusedError,
    InputError,
    LedgerCorruptError,
    LedgerVersionError,
    NotFoundError,
    StorageError,
)
from agentmem.ledger import Ledger
from agentmem.ledger.connection import Connection
from agentmem.unlearning import Eraser, attest, intents, receipts
from agentmem.unlearning.keys import Keys

if TYPE_CHECKING:
    from agentmem.space import Space
    from agentmem.system import System

FORMAT = 1
MANIFEST = "manifest.json"
LEDGER = "ledger.db"
DATABASES = (LEDGER, "threads.db")
LARGEST_MANIFEST = 2**20
CHUNK = 2**20
# The earliest date a zip can say: an archive tells when it was made in its manifest, by the space's clock.
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Member:
    """A database in an archive: its size in bytes and the SHA-256 of its bytes."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself."""

    format: int
    agentmem: str
    space: str
    made_at: str
    memories: int
    receipts: int
    embedder: str | None
    members: dict[str, Member]


def export(space: Space, file: Path, *, overwrite: bool = False) -> Manifest:
    """Write the space into the archive `file`, as it is at this moment; other programs may go on using it.

    Raises InputError if the file exists and may not be overwritten, StorageError while an erasure is under way,
    DiskFullError. The file appears whole or not at all.
    """
    if file.is_dir():
        raise InputError(f"{file} is a folder; name a file in it: {file / (space.name + '.zip')}")
    if file.exists() and not overwrite:
        raise InputError(f"{file} exists and was left as it is; choose another name, or pass --force to replace it")
    space.retention.write_uses()
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    with _disk(file), _workroom(space.path.parent.parent) as room:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            for name in DATABASES:
                if (space.path / name).exists():
                    _copy(space.path / name, room / name)
            manifest = _describe(space, room)
            with part.open("wb") as handle:
                _pack(handle, room, manifest)
                handle.flush()
                os.fsync(handle.fileno())
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    return manifest


def restore(system: System, file: Path, name: str | None = None) -> Manifest:
    """Make the space `name` (default: the name it had) from the archive `file`; return what that said of itself.

    Raises NotFoundError without such a file, InputError if a space of that name exists, ImportRefusedError for what is
    no archive or a damaged one, LedgerVersionError for one of a newer agentmem. The space appears whole or not at all,
    and without what was erased in the space it is of since the archive was made, if that is in this root.
    """
    if not file.exists():
        raise NotFoundError(f"there is no file {file}")
    with _disk(system.root), _opened(file) as archive:
        manifest = _manifest(archive, file)
        chosen = name or manifest.space
        folder = system.folder(chosen)
        if folder.exists() and any(folder.iterdir()):
            raise InputError(
                f"a space {chosen!r} exists in {system.root} and is never overwritten; restore under another name: "
                f"agentmem restore {file} --as {chosen}-restored"
            )
        with _workroom(system.root) as room:
            fresh = room / "space"
            fresh.mkdir()
            for member, stated in manifest.members.items():
                _unpack(archive, member, stated, fresh / member, file)
            _settle(fresh, chosen, manifest, file)
            _forget_again(system, fresh, manifest.space, folder)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                fresh.rename(folder)
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise InputError(f"a space {chosen!r} was made meanwhile; nothing was restored") from error
                raise
            _sync_folder(folder.parent)
    return manifest


# -- making --------------------------------------------------------------------------------------------------------


def _copy(source: Path, target: Path) -> None:
    with contextlib.closing(Connection(source)) as db:
        db.all("VACUUM INTO ?", (str(target),))


def _describe(space: Space, room: Path) -> Manifest:
    with contextlib.closing(sqlite3.connect(room / LEDGER)) as db:
        memories, hidden = db.execute("SELECT count(*), coalesce(sum(suppressed), 0) FROM memories").fetchone()
        if hidden:
            raise StorageError(
                f"an erasure of {hidden} memories is under way in {space.name!r}, and an archive must not keep them; "
                "nothing was written. Try again in a moment, or see: agentmem doctor " + space.name
            )
        receipts = db.execute("SELECT count(*) FROM erasures").fetchone()[0]
        found = db.execute("SELECT value FROM meta WHERE name = 'embedder'").fetchone()
    members = {name: _member(room / name) for name in DATABASES if (room / name).exists()}
    return Manifest(
        format=FORMAT,
        agentmem=agentmem.__version__,
        space=space.name,
        made_at=space.clock().isoformat(),
        memories=memories,
        receipts=receipts,
        embedder=found[0] if found else None,
        members=members,
    )


def _member(file: Path) -> Member:
    with file.open("rb") as handle:
        return Member(file.stat().st_size, hashlib.file_digest(handle, "sha256").hexdigest())


def _pack(handle: IO[bytes], room: Path, manifest: Manifest) -> None:
    with zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        archive.writestr(_entry(MANIFEST), json.dumps(asdict(manifest), indent=2))
        for name in manifest.members:
            with (room / name).open("rb") as source, archive.open(_entry(name), "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, CHUNK)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


# -- reading -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        with file.open("rb") as handle:
            begun = handle.read(4) == b"PK\x03\x04"
        what = "was cut short: its end is missing" if begun else "is no archive of agentmem: it is not a zip file"
        raise ImportRefusedError(f"{file} {what}. Nothing was restored; copy or download it again.") from error
    except OSError as error:
        raise ImportRefusedError(f"{file} cannot be read: {error.strerror or error}") from error
    with archive:
        yield archive


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Say all that zipfile raises over damaged members (RuntimeError: one that now looks encrypted) in one way."""
    try:
        yield
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise ImportRefusedError(f"{file} is damaged ({error}). Nothing was restored.") from error


def _manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    names = archive.namelist()
    foreign = f"{file} is a zip, but no archive of agentmem"
    if MANIFEST not in names or archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
        raise ImportRefusedError(f"{foreign}: it has no {MANIFEST}. Nothing was restored.")
    with _reading(file):
        text = archive.read(MANIFEST)
    try:
        said: dict[str, Any] = json.loads(text)
        if said["format"] > FORMAT:
            raise LedgerVersionError(
                f"{file} was written by a newer agentmem ({said.get('agentmem')}, archive format {said['format']}; "
                f"this one knows {FORMAT}). Nothing was restored. Upgrade with: pip install -U agentmem"
            )
        members = {name: Member(int(m["bytes"]), str(m["sha256"])) for name, m in said["members"].items()}
        fields = {
            name: said[name] for name in ("format", "agentmem", "space", "made_at", "memories", "receipts", "embedder")
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ImportRefusedError(f"{foreign}: its {MANIFEST} cannot be understood. Nothing was restored.") from error
    # Only names we know are ever opened, so that no name in a zip can point out of the folder.
    if LEDGER not in members or not set(members) <= set(DATABASES) or sorted(names) != sorted([MANIFEST, *members]):
        raise ImportRefusedError(f"{foreign}: it holds {', '.join(sorted(names)[:5])}. Nothing was restored.")
    return Manifest(**fields, members=members)


def _unpack(archive: zipfile.ZipFile, name: str, stated: Member, target: Path, file: Path) -> None:
    """Write one member to `target`; stop where it is longer than it says, and refuse it if its digest is another."""
    digest, left = hashlib.sha256(), stated.bytes
    with _reading(file), archive.open(name) as source, target.open("wb") as out:
        while chunk := source.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if left or digest.hexdigest() != stated.sha256:
        raise ImportRefusedError(
            f"{file} is damaged: {name} is not what the manifest says (SHA-256 and size). Nothing was restored."
        )


def _settle(fresh: Path, name: str, manifest: Manifest, file: Path) -> None:
    """Open the ledger once, where nobody sees it yet: it must be sound, of a version we know, and bear its new name."""
    ledger = Ledger(fresh / LEDGER)
    try:
        faults = ledger.faults()
        if faults or ledger.count() != manifest.memories:
            raise LedgerCorruptError(
                f"the ledger in {file} is not sound ({'; '.join(faults[:3])}). Nothing was restored."
            )
        ledger.note("name", name)
    finally:
        ledger.close()
    for left in fresh.iterdir():
        if left.name not in DATABASES:
            left.unlink()


def _forget_again(system: System, fresh: Path, name: str, folder: Path) -> None:
    """Erase in the restored files what the receipts of the space `name` say was erased since; warn of how much."""
    origin = system.folder(name) / LEDGER
    if not origin.exists():
        return
    with contextlib.closing(Ledger(origin)) as ledger:
        key = intents.receipt_key(ledger)
        gone = {digest for receipt in intents.receipts(ledger) for digest in receipt.digests}
    with contextlib.closing(Ledger(fresh / LEDGER)) as ledger:
        back = [m.id for chunk in ledger.read(whole=False) for m in chunk if attest.digest(key, m.id) in gone]
        if not back:
            return
        eraser = Eraser(fresh, ledger, system.clock)
        eraser.keys = Keys(config.keys(folder))
        number, doomed = eraser.suppress(back, actor="restore", basis=receipts.REQUEST)
        eraser.carry_out(number)
    warnings.warn(
        f"{len(doomed)} memories in the archive were erased from {name!r} since it was made, and were left out",
        stacklevel=3,
    )


# -- places --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _workroom(root: Path) -> Iterator[Path]:
    """Give an empty folder on the disk of `root`, outside its spaces; one at a time, so that what a crash left goes."""
    from filelock import FileLock

    root.mkdir(parents=True, exist_ok=True)
    room = root / ".archiving"
    with FileLock(root / ".archiving.lock"):
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir(mode=0o700)
        try:
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)


@contextlib.contextmanager
def _disk(place: Path) -> Iterator[None]:
    """Say what the disk refused as an error of ours."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(
                f"no space left on the disk of {place}: nothing was written. Free some and try again."
            ) from error
        raise StorageError(f"{error.filename or place}: {error.strerror or error}. Nothing was written.") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last, where the system can sync folders (Windows cannot)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""Every error agentmem raises on purpose, as one tree. A message says what, why, and what to type next.

AgentmemError
├── InputError               what was passed in cannot be used (also a ValueError)
│   ├── TextError            empty, too large, not text
│   ├── TimeError            a naive or impossible time
│   ├── NameRefusedError     a name that cannot be a space
│   ├── VectorError          wrong size, not finite
│   ├── LineageError         derived without parents, or parents that do not exist
│   ├── ReceiptError         a receipt was changed, or is none; names the field
│   └── ImportRefusedError   a file that cannot be imported; names the line
├── NotFoundError            a space, memory, file or plugin that is not there (also a LookupError)
│   ├── SpaceNotFoundError
│   ├── MemoryNotFoundError
│   └── PluginNotFoundError
├── MissingExtraError        an optional package is not installed; names the pip command (also an ImportError)
├── EncodingError
│   ├── ModelNotFoundError   no such embedding or chat model here
│   └── EmbedderMismatchError  the space was filled by another embedder
├── StorageError
│   ├── LedgerCorruptError   the ledger cannot be trusted; says how to restore
│   ├── LedgerVersionError   written by a newer agentmem
│   ├── LedgerBusyError      another process holds the ledger for too long
│   ├── DiskFullError        nothing was written
│   └── KeysError            a key cannot be read, made or trusted
├── SpaceClosedError         the space was closed
├── HeldError                a legal hold keeps what was to be erased
├── PlanChangedError         the space is not as it was when the plan was made
├── StaleError               it was begun before something was forgotten that it may hold
├── GuardedError             it resembles what was forgotten on request, and was kept out
├── ResidueError             something that was erased can still be found; says where
└── ModelError               a chat model failed or answered rubbish
"""

from __future__ import annotations


class AgentmemError(Exception):
    """The root: `except AgentmemError` catches all that agentmem raises on purpose."""


class InputError(AgentmemError, ValueError):
    """What was passed in cannot be used."""


class TextError(InputError):
    """A text is empty, too large or not text."""


class TimeError(InputError):
    """A time is naive or impossible."""


class NameRefusedError(InputError):
    """A name cannot be the name of a space."""


class VectorError(InputError):
    """A vector has the wrong size or is not finite."""


class LineageError(InputError):
    """A derived memory names no parents, or parents that do not exist."""


class ReceiptError(InputError):
    """A receipt was changed, or is none; the message names the field."""


class ImportRefusedError(InputError):
    """A file cannot be imported; the message names the line at fault."""


class NotFoundError(AgentmemError, LookupError):
    """Something named is not there."""


class SpaceNotFoundError(NotFoundError):
    """No space of that name."""


class MemoryNotFoundError(NotFoundError):
    """No memory of that id."""


class PluginNotFoundError(NotFoundError):
    """No plugin of that name."""


class MissingExtraError(AgentmemError, ImportError):
    """An optional package is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed. Install it with: pip install 'agentmem[{extra}]'")
        self.extra = extra


class EncodingError(AgentmemError):
    """Text could not be turned into vectors."""


class ModelNotFoundError(EncodingError):
    """No such model here."""


class EmbedderMismatchError(EncodingError):
    """The space was filled by another embedder."""


class StorageError(AgentmemError):
    """The disk or the database refused."""


class LedgerCorruptError(StorageError):
    """The ledger cannot be trusted."""


class LedgerVersionError(StorageError):
    """The ledger was written by a newer agentmem."""


class LedgerBusyError(StorageError):
    """Another process holds the ledger for too long."""


class DiskFullError(StorageError):
    """The disk is full; nothing was written."""


class KeysError(StorageError):
    """A key cannot be read, made or trusted."""


class SpaceClosedError(AgentmemError):
    """The space was closed."""


class HeldError(AgentmemError):
    """A legal hold keeps what was to be erased."""


class PlanChangedError(AgentmemError):
    """The space is not as it was when the plan was made: plan again. Nothing was forgotten."""


class StaleError(AgentmemError):
    """What was to be written was begun before something was forgotten that it may hold; nothing was written."""


class GuardedError(AgentmemError):
    """What was to be written resembles what was forgotten on request, and was kept out; nothing was written.

    `indexes` are the places of what was kept out in what was passed, `tombstones` the numbers of what it resembles.
    """

    def __init__(self, message: str, indexes: tuple[int, ...] = (), tombstones: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.indexes = indexes
        self.tombstones = tombstones


class ResidueError(AgentmemError):
    """Something that was erased can still be found."""


class ModelError(AgentmemError):
    """A chat model failed or answered rubbish."""

"""The keys that a hub and a worker share: on their own disks, never in Redis."""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from butler.errors import DataError
from butler.storage.files import private_file, private_folder, replace_file

FOLDER_NAME = "fleet"
INVITATION_S = 3600.0


class Invitation(msgspec.Struct, frozen=True):
    """A worker that may join once, until then (Unix seconds)."""

    secret: bytes
    until: float


class Paired(msgspec.Struct, frozen=True):
    """A machine that is paired, since then (Unix seconds)."""

    key: bytes
    since: float


class _Workers(msgspec.Struct):
    paired: dict[str, Paired] = {}
    invited: dict[str, Invitation] = {}


class _Hubs(msgspec.Struct):
    owner: str = ""
    name: str = ""
    paired: dict[str, Paired] = {}


KindT = TypeVar("KindT")

_workers = msgspec.json.Decoder(_Workers)
_hubs = msgspec.json.Decoder(_Hubs)


def fleet_folder(data_dir: Path) -> Path:
    """Return the folder for keys, marks and journals; it is made if it is missing."""
    return private_folder(private_folder(data_dir) / FOLDER_NAME)


class WorkerKeys:
    """The workers that a machine has invited or paired; its hubs and the command line share it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "workers.json"
        self._read_at = -1
        self._read = _Workers()

    def keys(self) -> Mapping[str, bytes]:
        """Return the key of each paired worker."""
        return {name: each.key for name, each in self._now().paired.items()}

    def invitations(self) -> Mapping[str, bytes]:
        """Return the secrets of the workers that may join now."""
        now = time.time()
        return {name: each.secret for name, each in self._now().invited.items() if each.until > now}

    def since(self, name: str) -> float | None:
        """Return when a worker was paired."""
        paired = self._now().paired.get(name)
        return None if paired is None else paired.since

    def invite(self, name: str, secret: bytes) -> None:
        """Let a worker join once."""
        with self._changing() as workers:
            workers.invited[name] = Invitation(secret, time.time() + INVITATION_S)

    def pair(self, name: str, secret: bytes, key: bytes) -> bool:
        """Turn an invitation into a key; return False if it was used or withdrawn meanwhile."""
        with self._changing() as workers:
            invited = workers.invited.get(name)
            if invited is None or invited.secret != secret:
                return False
            del workers.invited[name]
            workers.paired[name] = Paired(key, time.time())
        return True

    def remove(self, name: str) -> bool:
        """Forget a worker; return whether it was known."""
        with self._changing() as workers:
            was_invited = workers.invited.pop(name, None)
            return workers.paired.pop(name, None) is not None or was_invited is not None

    def _now(self) -> _Workers:
        """Return what is in the file, which other processes may have changed."""
        try:
            changed_at = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return _Workers()
        except OSError as error:
            raise DataError(f"{self._path} cannot be read: {error.strerror}.") from None
        if changed_at != self._read_at:
            self._read, self._read_at = _loaded(self._path, _workers, _Workers()), changed_at
        return self._read

    @contextmanager
    def _changing(self) -> Iterator[_Workers]:
        with _locked(self._path):
            workers = _loaded(self._path, _workers, _Workers())
            yield workers
            replace_file(self._path, msgspec.json.encode(workers), is_durable=True)
            self._read_at = -1


class HubKeys:
    """The hubs with which a worker is paired, and what tells this data folder from all others."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hubs.json"
        self._hubs = _loaded(self._path, _hubs, _Hubs())

    @property
    def owner(self) -> str:
        """An id of this data folder."""
        if not self._hubs.owner:
            self._hubs.owner = os.urandom(16).hex()
            self._save()
        return self._hubs.owner

    @property
    def name(self) -> str:
        """The name under which this worker joined; empty before that."""
        return self._hubs.name

    @property
    def machines(self) -> list[str]:
        """The machines with which it is paired."""
        return sorted(self._hubs.paired)

    def key(self, machine: str) -> bytes | None:
        """Return the key that is shared with a machine, if there is one."""
        paired = self._hubs.paired.get(machine)
        return None if paired is None else paired.key

    def pair(self, name: str, machine: str, key: bytes) -> None:
        """Keep the key that is shared with a machine."""
        self._hubs.name = name
        self._hubs.paired[machine] = Paired(key, time.time())
        self._save()

    def _save(self) -> None:
        replace_file(self._path, msgspec.json.encode(self._hubs), is_durable=True)


def _loaded(path: Path, decoder: msgspec.json.Decoder[KindT], empty: KindT) -> KindT:
    try:
        return decoder.decode(path.read_bytes())
    except FileNotFoundError:
        return empty
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise DataError(f"{path} is damaged: {error}. Pair again, and delete it first.") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(private_file(path.with_suffix(".lock")), os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

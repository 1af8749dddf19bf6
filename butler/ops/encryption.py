"""Encryption of backups in the age format (https://age-encryption.org/v1), by pyrage."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from butler.distribution import extra
from butler.errors import ConfigError, DataError

_MAGIC: Final = b"age-encryption.org/v1\n"
_SCRYPT: Final = b"-> scrypt "
_MAX_IN_MEMORY_BYTES: Final = 1_000_000_000


class EncryptionError(DataError):
    """A text cannot be encrypted or decrypted; the text is a lower-case fragment."""


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase that encrypts and decrypts."""

    text: str

    def encrypt(self, source: Path, target: Path) -> None:
        """Encrypt a file."""
        if source.stat().st_size > _MAX_IN_MEMORY_BYTES:
            raise EncryptionError("it is too large for a passphrase; encrypt it to a --recipient")
        target.write_bytes(_pyrage().passphrase.encrypt(source.read_bytes(), self.text))

    def decrypt(self, source: Path, target: Path) -> None:
        """Decrypt a file."""
        if source.stat().st_size > 2 * _MAX_IN_MEMORY_BYTES:
            raise EncryptionError("it is too large for a passphrase")
        pyrage = _pyrage()
        try:
            target.write_bytes(pyrage.passphrase.decrypt(source.read_bytes(), self.text))
        except pyrage.DecryptError:
            raise EncryptionError(
                "the passphrase is wrong, or the file is cut off or altered"
            ) from None


class Recipients:
    """The public keys to which a file is encrypted: ``age1…``, ``ssh-ed25519 …``, ``ssh-rsa …``.

    Each file is also encrypted to a key that this object alone knows, so that what was written can
    be read back and verified; that key goes with the process.

    Raises:
        ConfigError: A text is not a public key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        pyrage = _pyrage()
        self._own = pyrage.x25519.Identity.generate()
        try:
            self._recipients = [_recipient(pyrage, key) for key in keys]
        except pyrage.RecipientError:
            raise ConfigError("--recipient takes a public key: age1…, or ssh-ed25519 …") from None

    def encrypt(self, source: Path, target: Path) -> None:
        """Encrypt a file."""
        recipients = [*self._recipients, self._own.to_public()]
        _pyrage().encrypt_file(str(source), str(target), recipients)

    def decrypt(self, source: Path, target: Path) -> None:
        """Decrypt a file that this object encrypted."""
        _decrypt(source, target, [self._own])


class Identities:
    """The secret keys of a file, as ``age-keygen`` or ``ssh-keygen`` writes it.

    Raises:
        ConfigError: The file cannot be read, or holds no such key.
    """

    def __init__(self, path: Path) -> None:
        pyrage = _pyrage()
        data = _read(path)
        try:
            self._identities = _identities(pyrage, data)
        except (pyrage.IdentityError, UnicodeDecodeError):
            self._identities = []
        if not self._identities:
            raise ConfigError(f"{path} holds no secret key of age or ssh.")

    def decrypt(self, source: Path, target: Path) -> None:
        """Decrypt a file."""
        _decrypt(source, target, self._identities)


def passphrase_in(path: Path) -> Passphrase:
    """Return the passphrase in the first line of a file.

    Raises:
        ConfigError: The file cannot be read, or that line is empty.
    """
    try:
        text = _read(path).decode().split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a text in UTF-8.") from None
    if not text:
        raise ConfigError(f"The first line of {path} is empty; it should be the passphrase.")
    return Passphrase(text)


def is_encrypted(path: Path) -> bool:
    """Return whether a file is in the age format."""
    return _start(path).startswith(_MAGIC)


def wants_passphrase(path: Path) -> bool:
    """Return whether a file was encrypted with a passphrase, not to a key."""
    return _start(path).startswith(_MAGIC + _SCRYPT)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_MAGIC + _SCRYPT))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(100_000)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None


def _recipient(pyrage: ModuleType, key: str) -> object:
    kind = pyrage.ssh if key.startswith("ssh-") else pyrage.x25519
    return kind.Recipient.from_str(key)


def _identities(pyrage: ModuleType, data: bytes) -> list[object]:
    if data.startswith(b"-----BEGIN "):
        return [pyrage.ssh.Identity.from_buffer(data)]
    lines = (line.strip() for line in data.decode().splitlines())
    return [
        pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")
    ]


def _decrypt(source: Path, target: Path, identities: list[object]) -> None:
    pyrage = _pyrage()
    try:
        pyrage.decrypt_file(str(source), str(target), identities)
    except OSError as error:
        if error.errno is not None:
            raise
        raise EncryptionError("it is cut off") from None
    except pyrage.DecryptError:
        raise EncryptionError("the key is not its key, or the file is cut off or altered") from None


def _pyrage() -> ModuleType:
    try:
        return import_module("pyrage")
    except ModuleNotFoundError:
        raise ConfigError(
            f"Encrypted backups need pyrage: {extra('backup')}. --plain needs nothing."
        ) from None

"""The devices of simulated people: their keys, their sessions with the bot, their sender keys."""

import secrets

from whatsapp_server.keys import KeyPair, without_type
from whatsapp_server.protobuf import Fields
from whatsapp_server.ratchet import Bundle, Session, SignalError
from whatsapp_server.sender_keys import SenderKey, sender_key_id

_SESSIONS_KEPT = 10
_MOST_PADDING = 16
_SIGNED_KEY_ID = 1


def padded(message: bytes) -> bytes:
    """Return a message with WhatsApp's own padding: 1 to 16 times the count."""
    size = secrets.randbelow(_MOST_PADDING) + 1
    return message + bytes([size]) * size


def unpadded(plain: bytes) -> bytes:
    """Return the message without WhatsApp's padding.

    Raises:
        SignalError: The padding is wrong.
    """
    size = plain[-1] if plain else 0
    if not 1 <= size <= len(plain) or plain[-size:] != bytes([size]) * size:
        raise SignalError("the padding of the message is wrong")
    return plain[:-size]


class Device:
    """A simulated device. The bot's linked device is the only one it ever talks to."""

    def __init__(self) -> None:
        self.identity = KeyPair()
        self.registration_id = secrets.randbelow(0x3FFF) + 1
        self._signed = KeyPair()
        self._signature = self.identity.signature(self._signed.typed_public)
        self._one_time: dict[int, KeyPair] = {}
        self._one_time_count = 0
        self._sessions: list[Session] = []
        self._own_sender_keys: dict[str, SenderKey] = {}
        self._distributed: set[str] = set()
        self._learned: dict[tuple[str, int], SenderKey] = {}

    def bundle(self) -> Bundle:
        """Return a bundle with a fresh one-time key."""
        self._one_time_count += 1
        key = self._one_time[self._one_time_count] = KeyPair()
        return Bundle(
            self.registration_id,
            self.identity.public,
            _SIGNED_KEY_ID,
            self._signed.public,
            self._signature,
            self._one_time_count,
            key.public,
        )

    @property
    def has_session(self) -> bool:
        """Whether a message to the bot can be encrypted."""
        return bool(self._sessions)

    def open_session(self, bundle: Bundle) -> None:
        """Start a new session with the bot, which the next messages will use."""
        self._sessions.insert(0, Session.opened(self.identity, bundle))

    def forget_sessions(self) -> None:
        """Forget the sessions with the bot, and that it has been given any sender key."""
        self._sessions.clear()
        self._distributed.clear()

    def forget_bot(self) -> None:
        """Forget everything about the bot: it is a new device from now on."""
        self.forget_sessions()
        self._learned.clear()

    def encrypt(self, message: bytes) -> tuple[str, bytes]:
        """Return type and ciphertext for the bot."""
        return self._sessions[0].encrypt(padded(message), self.registration_id)

    def decrypt(self, kind: str, sealed: bytes) -> bytes:
        """Return the message in a ciphertext from the bot.

        Raises:
            SignalError: It cannot be decrypted.
        """
        if kind == "pkmsg":
            session, plain = self._decrypt_opening(sealed)
        elif kind == "msg":
            session, plain = self._decrypt_next(sealed)
        else:
            raise SignalError(f"unknown type {kind}")
        others = [other for other in self._sessions if other is not session]
        self._sessions = [session, *others][:_SESSIONS_KEPT]
        return unpadded(plain)

    def _decrypt_opening(self, sealed: bytes) -> tuple[Session, bytes]:
        content = Fields(sealed[1:])
        base = without_type(content.data(2))
        session = next((known for known in self._sessions if known.base == base), None)
        if session is None:
            session = self._answer(content)
        return session, session.decrypt(content.data(4))

    def _answer(self, content: Fields) -> Session:
        if content.integer(6) != _SIGNED_KEY_ID:
            raise SignalError(f"signed key {content.integer(6)} is unknown")
        one_time = self._one_time.pop(content.integer(1), None) if 1 in content else None
        if 1 in content and one_time is None:
            raise SignalError(f"one-time key {content.integer(1)} is unknown or used")
        remote, base = content.data(3), content.data(2)
        return Session.answered(self.identity, self._signed, one_time, remote, base)

    def _decrypt_next(self, sealed: bytes) -> tuple[Session, bytes]:
        error = SignalError("there is no session")
        for session in self._sessions:
            try:
                return session, session.decrypt(sealed)
            except SignalError as failure:
                error = failure
        raise error

    def group_distribution(self, group: str) -> bytes | None:
        """Return our sender key for the bot, the first time it is asked for."""
        if group in self._distributed:
            return None
        self._distributed.add(group)
        return self._own_sender_key(group).distribution()

    def group_encrypt(self, group: str, message: bytes) -> bytes:
        """Return the ciphertext for a group."""
        return self._own_sender_key(group).encrypt(padded(message))

    def _own_sender_key(self, group: str) -> SenderKey:
        if group not in self._own_sender_keys:
            self._own_sender_keys[group] = SenderKey.create()
        return self._own_sender_keys[group]

    def learn_sender_key(self, group: str, distribution: bytes) -> None:
        """Keep a sender key of the bot."""
        key = SenderKey.learned(distribution)
        self._learned.setdefault((group, key.key_id), key)

    def group_decrypt(self, group: str, sealed: bytes) -> bytes:
        """Return the message in a group ciphertext of the bot.

        Raises:
            SignalError: It cannot be decrypted.
        """
        key = self._learned.get((group, sender_key_id(sealed)))
        if key is None:
            raise SignalError(f"sender key {sender_key_id(sealed)} of {group} is unknown")
        return unpadded(key.decrypt(sealed))

"""Tells key material from other files."""

import re
from fnmatch import fnmatchcase

from butler import content_type
from butler_run.text.redaction import Redactor

_PATTERNS = (
    *(".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx", "*.ppk"),
    *("id_rsa*", "id_ed25519*", "id_ecdsa*", "id_dsa*", ".netrc", "_netrc", ".git-credentials"),
    *(".npmrc", ".pypirc", "credentials", "credentials.json", "*.keystore", "*.asc", "*.gpg"),
    *("*.tfstate", "*.tfstate.*", "*.tfvars", ".htpasswd", ".pgpass", "kubeconfig", "*.ovpn"),
)
_ASSIGNED = re.compile(
    rb"^(?:export )?[A-Z0-9_]{0,60}(?:SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY)[A-Z0-9_]{0,60}"
    rb" ?= ?[\"']?[A-Za-z0-9+/=_!@#%^&*-]{8,400}[\"']?\s*?$",
    re.MULTILINE,
)
"""A variable of the environment whose name says that it is a secret."""

_NEITHER = ("image/", "audio/", "video/", "application/pdf", "application/zip")
_PIECE, _OVERLAP = 64_000, 4_000
_EXAMPLES = (".env.example", ".env.sample", ".env.template")


def looks_like_key(name: str, data: bytes, secrets: Redactor) -> bool:
    """Return whether a file seems to hold a key or a token, by its name or its text; blocks."""
    folded = name.lower()
    is_named = any(fnmatchcase(folded, each) for each in _PATTERNS)
    if is_named and folded not in _EXAMPLES and not folded.endswith(".pub"):
        return True
    if content_type(data).startswith(_NEITHER):
        return False
    if _ASSIGNED.search(data):
        return True
    # In pieces, as the event loop waits for each search of a pattern.
    pieces = (data[at : at + _PIECE + _OVERLAP] for at in range(0, len(data), _PIECE))
    texts = (piece.decode("latin-1") for piece in pieces)
    return any(secrets.redacted(text) != text for text in texts)

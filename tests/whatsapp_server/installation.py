"""What a bot needs to reach the server: a patched copy of neonize and a certificate authority.

Everything is kept in one folder per neonize library below the user's cache folder. In the copy 32
bytes of the shared library differ: the pinned Noise root key. The original is not touched.
"""

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from whatsapp_server.certificates import write_certificates
from whatsapp_server.keys import KeyPair
from whatsapp_server.tokens import Tokens, read_tokens

PINNED_ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")
# Read at import time, because tests like to move HOME away from the user's files.
DEFAULT_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whatsapp-server"
_LAYOUT = 2
"""Part of the folder's name; count it up when what is in the folder changes."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The folder with the patched copy, its keys, certificates and token tables."""

    folder: Path

    @property
    def site(self) -> Path:
        """The folder to put first on PYTHONPATH."""
        return self.folder / "site"

    @property
    def root(self) -> KeyPair:
        """The Noise key that the patched copy trusts."""
        return KeyPair((self.folder / "noise-root.key").read_bytes())

    def tokens(self) -> Tokens:
        """Return the tables of the binary XML."""
        return Tokens.loads((self.folder / "tokens.json").read_text())

    def tls(self) -> ssl.SSLContext:
        """Return the server side of TLS for WhatsApp's host names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem")
        return context

    def environment(self, proxy_url: str, base: Mapping[str, str]) -> dict[str, str]:
        """Return the environment for a process whose neonize shall talk to the server.

        The Go library reads it once, when the process starts.
        """
        inherited = {name: value for name, value in base.items() if name.lower() != "no_proxy"}
        path = [str(self.site), *filter(None, [inherited.get("PYTHONPATH")])]
        return inherited | {
            "PYTHONPATH": os.pathsep.join(path),
            "SSL_CERT_FILE": str(self.folder / "authority.pem"),
            "HTTPS_PROXY": proxy_url,
            "https_proxy": proxy_url,
        }


@functools.cache
def installation(cache: Path | None = None) -> Installation:
    """Return the installation for the neonize that this interpreter would import, made if needed.

    Raises:
        LookupError: neonize is not installed, or is not what this package knows how to patch.
    """
    package = _neonize()
    library = _library(package)
    digest = hashlib.sha256(library.read_bytes()).hexdigest()[:12]
    version = importlib.metadata.version("neonize")
    folder = (cache or DEFAULT_CACHE) / f"neonize-{version}-{digest}-{_LAYOUT}"
    if not folder.exists():
        _make(folder, package, library)
    return Installation(folder)


def _neonize() -> Path:
    # Found without importing it: that would load the Go runtime into this process.
    spec = importlib.util.find_spec("neonize")
    if spec is None or not spec.submodule_search_locations:
        raise LookupError("neonize is not installed in this interpreter")
    return Path(spec.submodule_search_locations[0])


def _library(package: Path) -> Path:
    libraries = sorted(package.glob("neonize-linux-*.so"))
    if len(libraries) != 1:
        raise LookupError(f"expected one neonize-linux-*.so in {package}, found {len(libraries)}")
    return libraries[0]


def _make(folder: Path, package: Path, library: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as scratch:
        draft = Path(scratch) / "draft"
        _fill(draft, package, library)
        try:
            draft.rename(folder)
        except OSError:
            # Another process was faster; renaming onto a folder with content fails.
            if not folder.exists():
                raise


def _fill(draft: Path, package: Path, library: Path) -> None:
    root = KeyPair()
    copy = draft / "site" / "neonize"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / library.name).write_bytes(_patched(library, root.public))
    (draft / "noise-root.key").write_bytes(root.private)
    (draft / "tokens.json").write_text(read_tokens(library).dumps())
    write_certificates(draft / "authority.pem", draft / "server.pem")


def _patched(library: Path, root_key: bytes) -> bytes:
    raw = library.read_bytes()
    count = raw.count(PINNED_ROOT_KEY)
    if count != 1:
        raise LookupError(f"the pinned root key is {count} times in {library.name}, expected once")
    return raw.replace(PINNED_ROOT_KEY, root_key)

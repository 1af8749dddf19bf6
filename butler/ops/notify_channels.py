"""The ways to reach an owner besides WhatsApp: ntfy, a webhook, e-mail, a command, apprise."""

import hashlib
import hmac
import importlib
import ipaddress
import json
import smtplib
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from butler.config.schema import NotifyConfig
from butler.config.secrets import Secret
from butler.distribution import extra
from butler.errors import ButlerError

LIMIT_S = 15.0
SIGNATURE = "X-Butler-Signature"


class NotSentError(ButlerError):
    """A notice could not be sent; the text says why, without any address."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What the owner is told; never what people wrote.

    Attributes:
        kind: A short name of the trouble, such as ``away``.
        is_over: It is well again.
        text: A sentence.
        since: When it began, in Unix seconds.
        machine: The name of this machine.
    """

    kind: str
    is_over: bool
    text: str
    since: float
    machine: str

    @property
    def title(self) -> str:
        """The same in a few words."""
        return f"Butler on {self.machine}: {'well again' if self.is_over else self.kind}"


Channel = Callable[[Notice], None]


def channels(config: NotifyConfig) -> dict[str, Channel]:
    """Return the configured channels by name; each blocks, and may raise a NotSentError."""
    found: dict[str, Channel] = {}
    if config.ntfy is not None:
        found["ntfy"] = lambda notice: _ntfy(config, notice)
    if config.webhook is not None:
        found["webhook"] = lambda notice: _webhook(config, notice)
    if config.smtp is not None:
        found["email"] = lambda notice: _email(config, notice)
    if config.command:
        found["command"] = lambda notice: _command(config.command, notice)
    if config.apprise is not None:
        found["apprise"] = lambda notice: _apprise(config, notice)
    return found


def ping(url: Secret) -> None:
    """Tell a dead-man's switch that all is well.

    Raises:
        NotSentError: It does not answer.
    """
    _request(url, None, {})


def _ntfy(config: NotifyConfig, notice: Notice) -> None:
    headers = {
        "Title": notice.title.encode("ascii", "replace").decode(),
        "Tags": "white_check_mark" if notice.is_over else "warning",
        "Priority": "default" if notice.is_over else "high",
    }
    if config.ntfy_token is not None:
        headers["Authorization"] = f"Bearer {config.ntfy_token.get_secret_value()}"
    _request(_set(config.ntfy), notice.text.encode(errors="replace"), headers)


def _webhook(config: NotifyConfig, notice: Notice) -> None:
    body = json.dumps({**asdict(notice), "time": time.time()}).encode()
    headers = {"Content-Type": "application/json"}
    if config.webhook_secret is not None:
        key = config.webhook_secret.get_secret_value().encode()
        headers[SIGNATURE] = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
    _request(_set(config.webhook), body, headers)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nothing: what is sent is for the configured address only."""

    def redirect_request(self, *_args: object, **_more: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _request(url: Secret, body: bytes | None, headers: Mapping[str, str]) -> None:
    request = urllib.request.Request(  # noqa: S310 - only http and https are configurable
        url.get_secret_value(), data=body, headers={"User-Agent": "butler", **headers}
    )
    try:
        with _opener.open(request, timeout=LIMIT_S) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as error:
        error.close()
        raise NotSentError(f"it answered with HTTP {error.code}") from None
    except urllib.error.URLError as error:
        raise NotSentError(f"it cannot be reached ({type(error.reason).__name__})") from None
    except (OSError, ValueError) as error:
        raise NotSentError(f"it cannot be reached ({type(error).__name__})") from None


def _email(config: NotifyConfig, notice: Notice) -> None:
    server = urlsplit(_set(config.smtp).get_secret_value())
    mail = EmailMessage()
    mail["Subject"] = notice.title
    mail["To"] = ", ".join(config.email_to)
    mail["From"] = config.email_from or config.email_to[0]
    mail.set_content(notice.text)
    host, is_tls = server.hostname or "", server.scheme == "smtps"
    try:
        with _connected(host, server.port, is_tls=is_tls) as smtp:
            smtp.ehlo()
            if not is_tls and smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context())
                is_tls = True
            if server.username:
                if not is_tls and not _is_loopback(host):
                    raise NotSentError("it offers no TLS, so the password was not sent")
                smtp.login(unquote(server.username), unquote(server.password or ""))
            smtp.send_message(mail)
    except (smtplib.SMTPException, OSError) as error:
        raise NotSentError(f"the mail was not taken ({type(error).__name__})") from None


def _connected(host: str, port: int | None, *, is_tls: bool) -> smtplib.SMTP:
    if is_tls:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port or 465, timeout=LIMIT_S, context=context)
    return smtplib.SMTP(host, port or 587, timeout=LIMIT_S)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _command(command: tuple[str, ...], notice: Notice) -> None:
    try:
        done = subprocess.run(
            command,
            input=f"{notice.text}\n".encode(errors="replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=False,
        )
    except OSError as error:
        raise NotSentError(f"it cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NotSentError(f"it did not end within {LIMIT_S:g} s") from None
    if done.returncode:
        raise NotSentError(f"it ended with status {done.returncode}")


def _apprise(config: NotifyConfig, notice: Notice) -> None:
    try:
        sender = importlib.import_module("apprise").Apprise()
    except ImportError:
        raise NotSentError(f"it needs: {extra('apprise')}") from None
    if not sender.add(_set(config.apprise).get_secret_value()):
        raise NotSentError("apprise does not know such an address")
    if not sender.notify(title=notice.title, body=notice.text):
        raise NotSentError("apprise could not send it")


def _set(value: Secret | None) -> Secret:
    assert value is not None  # noqa: S101 - a channel is there only if its key is set
    return value

"""What processes that share a data folder say to each other on the control socket."""

from collections.abc import Sequence

import msgspec

from butler.core.overview import Overview, RunReport, RunSummary


class _Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of JSON."""


class Ask(_Frame, frozen=True, tag="ask"):
    """A question to a plugin of another process; ``text`` is the plugin's own."""

    plugin: str
    text: str


class Say(_Frame, frozen=True, tag="say"):
    """A message of the owner in a chat, written elsewhere; answered by ``Said``."""

    chat_id: str
    text: str
    source: str


class Watch(_Frame, frozen=True, tag="watch"):
    """Asks for a ``Seen`` now, after each change, and now and then, until the connection ends."""


class ListRuns(_Frame, frozen=True, tag="runs"):
    """Asks for runs, newest first, see ``Observable.past_runs``."""

    limit: int
    before: int | None = None


class ReportRun(_Frame, frozen=True, tag="run"):
    """Asks for a run in full."""

    number: int


class Answer(_Frame, frozen=True, tag="answer"):
    """What the plugin replied."""

    text: str


class Refused(_Frame, frozen=True, tag="refused"):
    """Why there is no answer, as a sentence for the chat."""

    text: str


class Said(_Frame, frozen=True, tag="said"):
    """What answered a message, by the end of its turn."""

    replies: Sequence[str]


class Seen(_Frame, frozen=True, tag="seen"):
    """What is in progress."""

    overview: Overview


class Runs(_Frame, frozen=True, tag="listed"):
    """Runs, newest first."""

    runs: Sequence[RunSummary]


class Report(_Frame, frozen=True, tag="report"):
    """A run in full; None if there is none of that number."""

    report: RunReport | None


Request = Ask | Say | Watch | ListRuns | ReportRun
Response = Answer | Refused | Said | Seen | Runs | Report

request_of: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
response_of: msgspec.json.Decoder[Response] = msgspec.json.Decoder(Response)


def line_of(frame: Request | Response) -> bytes:
    """Return a frame as a line."""
    return msgspec.json.encode(frame) + b"\n"

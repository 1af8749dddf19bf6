"""slack-bolt: slash commands through ``App.dispatch``; state in a dict, responses to the sink."""

import asyncio
import logging
from urllib.parse import urlencode

from slack_bolt import Ack, App, BoltRequest
from slack_bolt.authorization import AuthorizeResult
from worker import COMMAND_NAMES, Sink, chat_number, serve

TOKEN = "none"  # noqa: S105 - nobody's


def request(number: int, text: str) -> BoltRequest:
    name, _, argument = text.partition(" ")
    fields = {
        "command": name,
        "text": argument,
        "channel_id": f"C{chat_number(number)}",
        "team_id": "T1",
        "user_id": "U7",
        "response_url": "https://example.invalid/",
        "trigger_id": "1",
    }
    kind = {"content-type": ["application/x-www-form-urlencoded"]}
    return BoltRequest(body=urlencode(fields), headers=kind)


async def main() -> None:
    logging.disable(logging.WARNING)
    app = App(
        signing_secret=TOKEN,
        process_before_response=True,
        request_verification_enabled=False,
        token_verification_enabled=False,
        authorize=lambda: AuthorizeResult(
            enterprise_id=None, team_id="T1", bot_user_id="U1", bot_token=TOKEN
        ),
    )
    repos: dict[str, str] = {}
    sink = Sink()

    def use(ack: Ack, command: dict[str, str]) -> None:
        repos[command["channel_id"]] = command["text"]
        ack(f"This chat now works on *{command['text']}*.")

    for name in COMMAND_NAMES:
        app.command(f"/{name}")(use)

    async def handle_all(requests: list[BoltRequest]) -> None:
        for each in requests:
            sink.put(app.dispatch(each).body)

    await serve(request, handle_all, sink.count, "slack-bolt")


if __name__ == "__main__":
    asyncio.run(main())

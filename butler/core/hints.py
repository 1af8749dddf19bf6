"""Hints: one sentence for messages that nothing answers, so that nobody talks to a wall."""

from collections.abc import Callable, Iterable

from butler.chat.message import Message
from butler.core.context import Context
from butler.core.plugin import Plugin, Settings
from butler.core.router import Unknown
from butler.core.services import Services

HINT_EVERY_S = 60.0
"""Interval between two hints in a chat."""

MAX_CHATS = 10_000

HELP = "/help lists the commands."
IN_WORDS = "Write what you want as text."
NOT_A_COMMAND = "That is not a command."
FORWARDED = "Forwarded messages are not obeyed. Copy the text into a message of your own."


class Hints:
    """Finds the hint for a message; each chat gets one a minute at most.

    Hints are for direct chats, the owner's chat with itself, and chats where a plugin takes plain
    text. Other groups, and what the owner writes to others, are none of the bot's business.

    Args:
        services: What handlers work with.
        plugins: The enabled plugins.
        clock: A monotonic clock in seconds.
    """

    def __init__(
        self,
        services: Services,
        plugins: Iterable[Plugin[Settings]],
        clock: Callable[[], float],
    ) -> None:
        self._services = services
        self._plugins = tuple(plugins)
        self._clock = clock
        self._given_at: dict[str, float] = {}

    def are_given(self, ctx: Context) -> bool:
        """Return whether messages like this get hints at all."""
        if ctx.message.is_reaction:
            return False
        return self._is_to_bot_alone(ctx.message) or self._is_prompt(ctx)

    def of(self, ctx: Context) -> str | None:
        """Return the hint for a message that nothing has answered; None if there is none now."""
        if not self.are_given(ctx) or not self._is_due(ctx.chat_id):
            return None
        return self._sentence(ctx)

    def _is_prompt(self, ctx: Context) -> bool:
        return any(plugin.takes_text(ctx) for plugin in self._plugins)

    def _is_to_bot_alone(self, message: Message) -> bool:
        if message.is_group:
            return False
        # A network without an owner's chat, such as the console, is the owner's alone.
        return not message.is_own or self._services.transport.owner_chat_id in {
            None,
            message.chat_id,
        }

    def _is_due(self, chat_id: str) -> bool:
        now = self._clock()
        if now - self._given_at.get(chat_id, float("-inf")) < HINT_EVERY_S:
            return False
        if len(self._given_at) >= MAX_CHATS:
            self._given_at.clear()
        self._given_at[chat_id] = now
        return True

    def _sentence(self, ctx: Context) -> str:
        message = ctx.message
        if message.is_forwarded:
            return FORWARDED
        decision = self._services.router.route(message.text)
        if isinstance(decision, Unknown):
            hints = (plugin.command_hint(ctx) for plugin in self._plugins)
            return f"{next(filter(None, hints), f'There is no /{decision.word}.')} {HELP}"
        if message.media and not message.text.strip():
            way_on = IN_WORDS if self._is_prompt(ctx) else HELP
            return f"I cannot read {_with_article(message.media)}. {way_on}"
        instead = (plugin.text_hint(ctx) for plugin in self._plugins)
        return f"{next(filter(None, instead), NOT_A_COMMAND)} {HELP}"


def _with_article(noun: str) -> str:
    return f"{'an' if noun[:1] in tuple('aeiou') else 'a'} {noun}"

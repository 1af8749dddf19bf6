"""A plugin of Errbot that gives every chat its repo, and the commands that nobody calls."""

from errbot import BotPlugin, Command, botcmd
from errbot.backends.base import Message
from worker import OTHER_COMMANDS


class Sessions(BotPlugin):
    def activate(self) -> None:
        super().activate()
        others = [Command(nothing, name=name) for name in OTHER_COMMANDS]
        self.create_dynamic_plugin("others", others)

    @botcmd
    def use(self, msg: Message, args: str) -> str:
        self[msg.frm.person] = args
        return f"This chat now works on *{args}*."


def nothing(*_arguments: object) -> None:
    return None

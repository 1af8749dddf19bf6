"""Which agent works for a chat in a repo, and how: what the chat has chosen, within the limits."""

from butler import Context, Repo, Role
from butler_run.agents import Mode
from butler_run.catalog import Catalog
from butler_run.choice import Choice, Chosen
from butler_run.history.runs import History

MODE, ONCE = "mode", "once"
"""The preferences of a chat: its mode, and whose next run asks nothing, where and with what."""


class Choices:
    """Combines the catalog with what chats prefer."""

    def __init__(self, catalog: Catalog, history: History) -> None:
        self._catalog = catalog
        self._history = history

    def choose(self, ctx: Context, repo: Repo, agent: str | None = None) -> Choice:
        """Return the agent for a chat in a repo: the one named, else the chat's, else the repo's.

        Raises:
            UserError: The agent is unknown, or the repo does not allow it.
        """
        return self._chosen(ctx, repo, agent, self.mode_of(ctx.chat_id))

    def choose_for_run(self, ctx: Context, repo: Repo, agent: str | None = None) -> Choice:
        """Return the same for a run that begins: an owner's mode for one run ends with that.

        It holds in the repo and with the agent that the owner chose it for: others may have chosen
        another one for the chat since.
        """
        preferences = self._history.preferences
        once = preferences.get(ctx.chat_id, ONCE)
        if once is None or ctx.role is not Role.OWNER or not once.startswith(_of_person(ctx)):
            return self.choose(ctx, repo, agent)
        preferences.take(ctx.chat_id, ONCE)
        is_meant = once == one_run(ctx, repo, self._name(ctx, repo, agent))
        mode = Mode.BYPASS if is_meant else self.mode_of(ctx.chat_id)
        return self._chosen(ctx, repo, agent, mode)

    def mode_of(self, chat_id: str) -> Mode | None:
        """Return the mode that a chat has chosen."""
        mode = self._history.preferences.get(chat_id, MODE)
        return None if mode is None else Mode(mode)

    def _chosen(self, ctx: Context, repo: Repo, agent: str | None, mode: Mode | None) -> Choice:
        name = self._name(ctx, repo, agent)
        preferred = self._history.preferences.get
        chosen = Chosen(
            mode,
            preferred(ctx.chat_id, preference("model", name)),
            preferred(ctx.chat_id, preference("effort", name)),
        )
        return self._catalog.choose(repo, name, chosen)

    def _name(self, ctx: Context, repo: Repo, agent: str | None) -> str:
        wanted = agent or self._history.chats.agent_of(ctx.chat_id)
        return self._catalog.name_in(repo, wanted)


def one_run(ctx: Context, repo: Repo, agent: str) -> str:
    """Return what names the next run of a person in a repo, with an agent."""
    return f"{_of_person(ctx)}{repo.path}\n{agent}"


def _of_person(ctx: Context) -> str:
    return f"{ctx.message.author}\n"


def preference(what: str, agent: str) -> str:
    """Return the name of a preference about one agent."""
    return f"{what} of {agent}"

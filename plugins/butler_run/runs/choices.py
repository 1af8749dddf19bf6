"""Which agent works for a chat in a repo, and how: what the chat has chosen, within the limits."""

from butler import Context, Repo, Role
from butler_run.agents import Mode
from butler_run.catalog import Catalog
from butler_run.choice import Choice, Chosen
from butler_run.history.runs import History

MODE, ONCE = "mode", "once"
"""The preferences of a chat: its mode, and one for the next run only."""


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
        """Return the same for a run that begins: an owner's mode for one run ends with that."""
        preferences = self._history.preferences
        once = preferences.take(ctx.chat_id, ONCE) if ctx.role is Role.OWNER else None
        mode = self.mode_of(ctx.chat_id) if once is None else Mode.BYPASS
        return self._chosen(ctx, repo, agent, mode)

    def mode_of(self, chat_id: str) -> Mode | None:
        """Return the mode that a chat has chosen."""
        mode = self._history.preferences.get(chat_id, MODE)
        return None if mode is None else Mode(mode)

    def _chosen(self, ctx: Context, repo: Repo, agent: str | None, mode: Mode | None) -> Choice:
        wanted = agent or self._history.chats.agent_of(ctx.chat_id)
        name = self._catalog.name_in(repo, wanted)
        preferred = self._history.preferences.get
        chosen = Chosen(
            mode,
            preferred(ctx.chat_id, preference("model", name)),
            preferred(ctx.chat_id, preference("effort", name)),
        )
        return self._catalog.choose(repo, name, chosen)


def preference(what: str, agent: str) -> str:
    """Return the name of a preference about one agent."""
    return f"{what} of {agent}"

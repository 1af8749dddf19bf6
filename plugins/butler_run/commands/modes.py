"""How a chat's agent works: its model, effort and mode, as the agent itself offers them."""

from collections.abc import Sequence
from typing import Literal

from butler import Context, Repo, Role, UserError, command
from butler_run.agents import Label, Mode
from butler_run.choice import Choice
from butler_run.commands.base import RunCommandsBase
from butler_run.runs.choices import MODE, ONCE, one_run, preference
from butler_run.text.plain import in_one_line

_MOST_LISTED = 20
_LENGTH = 90
_DEFAULT = "default"


class ModeCommands(RunCommandsBase):
    """The commands with which a chat chooses how its agent works."""

    @command(needs_like="run")
    async def model(self, ctx: Context, name: str | None = None) -> str:
        """Show or choose the model of this chat's agent.

        /model lists what the agent offers, /model default goes back to its own choice.
        """
        return await self._choose(ctx, "model", name)

    @command(needs_like="run")
    async def effort(self, ctx: Context, level: str | None = None) -> str:
        """Show or choose how much effort this chat's agent makes.

        /effort lists what the agent offers, /effort default goes back to its own choice.
        """
        return await self._choose(ctx, "effort", level)

    @command(needs_like="run")
    async def mode(
        self, ctx: Context, name: Literal["ask", "edits", "plan", "bypass", "default"] | None = None
    ) -> str:
        """Show or choose what this chat's agent may do without asking.

        plan: it only plans. ask: it asks before it acts. edits: it edits files without asking.
        bypass: it asks nothing; owners only, and for one run. No more than the repo allows.
        """
        repo = await ctx.active_repo()
        choice = self._choices.choose(ctx, repo)
        if name is None:
            return await self._modes(ctx, repo, choice)
        if choice.is_program:
            raise UserError(f"{choice.name} is a program: it has no modes.")
        if name == _DEFAULT:
            self._history.preferences.set(ctx.chat_id, MODE, None)
            self._history.preferences.set(ctx.chat_id, ONCE, None)
            return f"{choice.name} works in its default mode here again, *{choice.default_mode}*."
        mode = Mode(name)
        _check_ceiling(repo, choice, mode)
        if mode is Mode.BYPASS:
            return self._bypass(ctx, repo, choice)
        self._history.preferences.set(ctx.chat_id, MODE, mode)
        return f"{choice.name} works in the mode *{mode}* here: {_MEANING[mode]}."

    def _bypass(self, ctx: Context, repo: Repo, choice: Choice) -> str:
        if ctx.role is not Role.OWNER:
            raise UserError("Only an owner can choose bypass. /mode lists the other modes.")
        self._history.preferences.set(ctx.chat_id, ONCE, one_run(ctx, repo, choice.name))
        return (
            f"{choice.name} asks nothing in your next run in *{repo.name}*, and asks again after "
            "that. "
            "/mode default takes it back."
        )

    async def _modes(self, ctx: Context, repo: Repo, choice: Choice) -> str:
        if choice.is_program:
            return f"{choice.name} is a program: it has no modes and asks nobody."
        known = (await self._offers.of(repo, choice)).modes or tuple(Mode)
        allowed = [mode for mode in known if mode.within(choice.ceiling) is mode]
        lines = [f"• {mode}: {_MEANING[mode]}" for mode in allowed]
        once = self._history.preferences.get(ctx.chat_id, ONCE)
        now = f"{choice.name} works in the mode *{choice.wishes.mode}* in *{repo.name}*."
        is_meant = bool(once) and str(once).endswith(f"\n{repo.path}\n{choice.name}")
        next_run = " An owner's next run: bypass." if is_meant else ""
        ceiling = f"More than {choice.ceiling} is not allowed in *{repo.name}*."
        is_limited = choice.ceiling is not Mode.BYPASS
        return "\n".join([now + next_run, *lines, *([ceiling] if is_limited else [])])

    async def _choose(self, ctx: Context, what: str, name: str | None) -> str:
        repo = await ctx.active_repo()
        choice = self._choices.choose(ctx, repo)
        key = preference(what, choice.name)
        if name is not None and name.casefold() == _DEFAULT:
            self._history.preferences.set(ctx.chat_id, key, None)
            return f"{choice.name} uses its own default {what} here again."
        offer = await self._offers.of(repo, choice)
        labels = offer.models if what == "model" else offer.efforts
        if not labels:
            raise UserError(f"{choice.name} offers no choice of {what}.")
        chosen = getattr(choice.wishes, what)
        current = chosen or (offer.model if what == "model" else offer.effort)
        if name is None:
            listed = [_line(n, each, current) for n, each in enumerate(labels, start=1)]
            head = f"{what.capitalize()} of {choice.name} in *{repo.name}*:"
            way = f"/{what} <name> chooses one" + (f", /{what} default none." if chosen else ".")
            return "\n".join([head, *listed[:_MOST_LISTED], way])
        label = _named(labels, name)
        if label is None:
            known = ", ".join(in_one_line(each.value, _LENGTH) for each in labels[:_MOST_LISTED])
            raise UserError(f"{choice.name} has no {what} {in_one_line(name, 40)}. Known: {known}.")
        self._history.preferences.set(ctx.chat_id, key, label.value)
        return (
            f"{choice.name} uses the {what} *{in_one_line(label.value, _LENGTH)}* here from now on."
        )


_MEANING = {
    Mode.PLAN: "it only plans",
    Mode.ASK: "it asks before it acts",
    Mode.EDITS: "it edits files without asking, and asks for the rest",
    Mode.BYPASS: "it asks nothing; owners only, for one run",
}


def _check_ceiling(repo: Repo, choice: Choice, mode: Mode) -> None:
    if mode.within(choice.ceiling) is not mode:
        raise UserError(
            f"*{repo.name}* allows at most {choice.ceiling}. Whoever runs Butler can raise that: "
            f'mode = "{mode}" in [repos.{repo.name}].'
        )


def _named(labels: Sequence[Label], name: str) -> Label | None:
    """Return the label that a number, a value or a text means."""
    if name.isdecimal() and len(name) < 4 and 1 <= int(name) <= len(labels):
        return labels[int(name) - 1]
    folded = name.casefold()
    fitting = (each for each in labels if folded in {each.value.casefold(), each.text.casefold()})
    return next(fitting, None)


def _line(number: int, label: Label, current: str) -> str:
    value = in_one_line(label.value, _LENGTH)
    shown = f"*{value}*" if label.value == current else value
    described = in_one_line(label.description or label.text, _LENGTH)
    return f"{number}. {shown}" + (f" – {described}" if described.casefold() != value else "")

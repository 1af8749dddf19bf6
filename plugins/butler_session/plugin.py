"""The session plugin: /use, /repo, /repos, /clear and /sessions."""

import asyncio
import time
from collections.abc import Iterable, Sequence

from butler import (
    At,
    ChatNames,
    Context,
    GitError,
    Machine,
    Plugin,
    Repo,
    Role,
    Session,
    Settings,
    UserError,
    ago,
    command,
    listed,
)
from butler_session.git_status import Status, WorkingCopies, WorkingCopy, status

PAGE = 20
SESSIONS_SHOWN = 30


class SessionPlugin(Plugin):
    """Manages the active repo of each chat."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._working_copies = WorkingCopies()
        self._told: set[tuple[str, tuple[str, ...], tuple[str, ...]]] = set()

    @command(aliases=("select", "cd"), at=At.CHOICE)
    async def use(self, ctx: Context, repo: Repo | None = None) -> str:
        """Make a repo this chat's active one.

        /use api selects the repo api; /use alone lists the repos.
        Other chats are not affected.
        """
        if repo is None:
            return await self.repos(ctx)
        copy = await self._working_copies.of(repo)
        replaced = await ctx.use_repo(repo)
        before = replaced.active_repo if replaced else None
        if before == repo.name:
            return f"This chat already works on *{repo.name}*{ctx.on_machine}{copy.branch}"
        said = f"This chat now works on *{repo.name}*{ctx.on_machine}{copy.branch}"
        if before and ctx.may_tell_of(before):
            said = f"{said} It was {before} before."
        if copy.settings or copy.hooks:
            said = "\n".join([said, *self._brought(repo, copy, ctx.role)])
        return said

    def _brought(self, repo: Repo, copy: WorkingCopy, role: Role) -> list[str]:
        """Say what the repo brings for agents; to an owner, once, what that means."""
        lines = []
        if copy.settings and not repo.is_trusted:
            lines.append(f"Agents do not read what it brings: {listed(copy.settings)}.")
        brought = (repo.name, copy.settings, copy.hooks)
        if role < Role.OWNER or brought in self._told:
            return lines
        self._told.add(brought)
        if copy.settings and repo.is_trusted:
            lines.append(f"It is trusted, so agents take what is in {listed(copy.settings)}.")
        elif copy.settings:
            lines.append(
                f"Those can run programs; trusted = true in [repos.{repo.name}] lets them count."
            )
        if copy.hooks:
            lines.append(f"Git runs its hooks: {listed(copy.hooks)}.")
        return lines

    @command(aliases=("status", "pwd"), needs=Role.VIEWER)
    async def repo(self, ctx: Context) -> str:
        """Show this chat's active repo.

        Shows its name, folder, branch, number of changed files, and last commit.
        """
        repo = await ctx.active_repo()
        title = f"*{repo.name}*{ctx.on_machine}" + (
            f" – {repo.description}" if repo.description else ""
        )
        try:
            lines = _described(await status(repo.path))
        except GitError as error:
            lines = [str(error)]
        # Where it lies on the machine is for those whose machine it is.
        place = [f"`{repo.path}`"] if ctx.role is Role.OWNER else []
        return "\n".join([title, *place, *lines])

    @command(aliases=("ls",), needs=Role.VIEWER, at=At.HUB)
    async def repos(self, ctx: Context, page: int = 1) -> str:
        """List the repos available here.

        Marks the active one. /repos 2 shows the second page of a long list.
        """
        repos, machines = await ctx.repos(), ctx.machines
        if len(machines) > 1:
            return _by_machine(machines, repos, await ctx.active_repo_name())
        if not repos:
            return "No repos are configured yet."
        pages = -(-len(repos) // PAGE)
        if not 1 <= page <= pages:
            raise UserError(f"There is no page {page}; the last one is {pages}. /repos {pages}")
        active = await ctx.active_repo_name()
        shown = repos[(page - 1) * PAGE : page * PAGE]
        lines = await asyncio.to_thread(_entries, shown, active)
        lines += ["", "/use <repo> selects one."]
        if pages > 1:
            more = f", /repos {page + 1} shows the next" if page < pages else ""
            lines.append(f"Page {page} of {pages}{more}.")
        return "\n".join(lines)

    @command(aliases=("reset",), at=At.HUB)
    async def clear(self, ctx: Context) -> str:
        """Clear this chat's session.

        The repo itself stays unchanged.
        """
        if await ctx.clear_session():
            return "This chat no longer has an active repo. /use <repo> selects one."
        return "This chat had no active repo. /use <repo> selects one."

    @command(only_reads=True, at=At.HUB)
    async def sessions(self, ctx: Context) -> str:
        """List the chats with an active repo, most recent first.

        Owners see all chats, others only this one.
        """
        if ctx.role < Role.OWNER:
            session = await ctx.session()
            is_seen = session is not None and ctx.may_tell_of(session.active_repo)
            sessions, total = ([session], 1) if session and is_seen else ([], 0)
        else:
            sessions, total = await ctx.recent_sessions(SESSIONS_SHOWN)
        if not sessions:
            return "There are no active sessions. /use <repo> starts one."
        now = time.time()
        names = ctx.chat_names
        lines = [_session(each, names, now, _repo_of(each, ctx)) for each in sessions]
        if total > len(sessions):
            lines.append(f"… and {total - len(sessions):,} more.")
        return "\n".join(lines)


def _by_machine(machines: Sequence[Machine], here: Sequence[Repo], active: str | None) -> str:
    """Return the repos of each machine, those that work for this one first."""
    groups = []
    for machine in sorted(machines, key=lambda each: each.is_here):
        prefix = "" if machine.is_here else f"{machine.name}/"
        listed_there = here if machine.is_here else machine.repos
        names = [
            f"{each.name} (active)" if f"{prefix}{each.name}" == active else each.name
            for each in listed_there
        ]
        state = "" if machine.is_here else " (online)" if machine.is_online else " (away)"
        groups.append(f"*{machine.name}*{state}: {', '.join(names) or 'no repos'}")
    return "\n".join([" · ".join(groups), "", "/use <repo> selects one."])


def _described(state: Status) -> list[str]:
    files = {0: "clean", 1: "1 file changed"}.get(state.changed, f"{state.changed} files changed")
    commit = f"Last commit: {state.last_commit}" if state.last_commit else "No commits yet."
    return [f"{state.branch[:1].upper()}{state.branch[1:]}, {files}.", commit]


def _entries(repos: Iterable[Repo], active: str | None) -> list[str]:
    return [_entry(repo, active) for repo in repos]


def _entry(repo: Repo, active: str | None) -> str:
    problem = repo.problem()
    marked = f"*{repo.name}*" if repo.name == active else repo.name
    line = f"• {marked}" + (f" – {repo.description}" if repo.description else "")
    if repo.name == active:
        line += " (active)"
    return f"{line} (not usable: its folder {problem})" if problem else line


def _repo_of(session: Session, ctx: Context) -> str:
    return f"*{session.active_repo}*" if ctx.may_tell_of(session.active_repo) else "another repo"


def _session(session: Session, names: ChatNames, now: float, repo: str) -> str:
    here = " (this chat)" if session.chat_id == names.here else ""
    used = ago(now - session.last_command_time)
    return f"• {names.listed(session.chat_id)}{here}: {repo}, {used}"

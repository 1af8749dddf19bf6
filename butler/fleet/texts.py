"""What a hub says about its workers."""

import time

from butler.chat.text import duration
from butler.fleet.member import Member


def away(member: Member) -> str:
    """Return a clause: since when a worker is away."""
    if not member.away_since:
        return f"{member.name} has not been seen yet"
    return f"{member.name} has been away since {clock(member.away_since)}"


def out_of_reach(member: Member) -> str:
    """Return a clause: that a worker cannot be reached, as Redis is away."""
    return f"Redis cannot be reached, and so {member.name} cannot"


def kept(why: str, for_s: float) -> str:
    """Say that a message is kept for a worker."""
    return f"{why}. I keep this for {_minutes(for_s)}; /stop drops it."


def not_back(member: Member) -> str:
    """Say that a message was kept for nothing."""
    return f"{member.name} did not come back; nothing was run."


def perhaps_done(member: Member) -> str:
    """Say that a message was kept for a worker that may have begun it."""
    return f"{member.name} did not come back, so I cannot say whether this was done."


def unpaired(machine: str) -> str:
    """Say that a message was handed to a worker that is no longer known."""
    return f"{machine} is no longer paired with me, so I cannot say whether this was done."


def not_saved(machine: str, repo: str, reason: str) -> str:
    """Say that the choice of a repo was lost."""
    return (
        f"This chat does not work on *{repo}* yet, as that could not be saved: {reason}. "
        f"Send /use {machine}/{repo} again."
    )


def dropped(count: int, machine: str) -> str:
    """Say that messages are no longer kept."""
    what = "1 message" if count == 1 else f"{count} messages"
    return f"Dropped what I kept for {machine}: {what}."


def lost_turn(member: Member) -> str:
    """Say that a worker went away during a turn."""
    return f"{member.name} went away during this, so I cannot say how far it came."


def lost_run(member: Member, number: int) -> str:
    """Say that a worker went away during a run."""
    return (
        f"{member.name} went away during run {number}, so I cannot say how far it came. "
        f"/retry {number} runs it again."
    )


def returned(member: Member, number: int) -> str:
    """Say that a worker is back, and its run goes on."""
    return f"{member.name} is back; run {number} goes on there."


def silent(member: Member) -> str:
    """Say that the end of a turn is not known."""
    return f"{member.name} did not say what became of this."


def cut(member: Member) -> str:
    """Say that a worker was killed during a turn."""
    return (
        f"{member.name} was stopped in the middle of this, so it may be done in part. "
        "Send it again if it is not."
    )


def chosen(repo: str, member: Member) -> str:
    """Say that a chat works on a repo of a worker that is away."""
    return f"This chat now works on *{repo}* on {member.name}. {away(member)}."


def _minutes(seconds: float) -> str:
    """Return a time in minutes, or a shorter one as it is."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return duration(seconds)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def clock(seconds: float) -> str:
    """Return a time of day, with its date unless that is today's."""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%d %b %H:%M", then)

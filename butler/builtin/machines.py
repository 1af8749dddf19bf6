"""/machines: lists the machines that work for this one."""

import time

from butler.access.rules import Role
from butler.chat.text import ago, duration, listed
from butler.core.context import Context
from butler.core.fleet import Machine
from butler.core.handlers import command
from butler.core.place import At
from butler.core.plugin import Plugin


class MachinesPlugin(Plugin):
    """Shows an owner which machines are there."""

    @command(needs=Role.OWNER, at=At.HUB)
    async def machines(self, ctx: Context) -> str:
        """List the machines whose repos can be used here.

        Shows since when each is there or away, its version, repos and load.
        """
        machines = [each for each in ctx.machines if not each.is_here]
        if not machines:
            return "There is only this machine. butler workers add <name> adds another one."
        now = time.time()
        return "\n".join(_line(each, now) for each in machines)


def _line(machine: Machine, now: float) -> str:
    repos = listed((each.name for each in machine.repos), 20) or "no repos"
    if not machine.last_seen:
        return f"• *{machine.name}*: not seen yet"
    if not machine.is_online:
        return f"• *{machine.name}*: away, last seen {ago(now - machine.last_seen)}; {repos}"
    load = f"{machine.busy} of {machine.slots} slots in use"
    up = duration(now - machine.since)
    return f"• *{machine.name}*: online for {up}, Butler {machine.version}, {load}; {repos}"

"""`butler workers`: the workers of this machine: list, invite and remove them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from butler.chat.text import ago, listed
from butler.config.schema import Config
from butler.errors import ConfigError, DataError
from butler.fleet.broker import BrokerError
from butler.fleet.keys import WorkerKeys, fleet_folder
from butler.fleet.member import Member
from butler.fleet.names import is_machine_name
from butler.fleet.pairing import new_code
from butler.ops.fleet import open_broker


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What is known of a worker; times in Unix seconds."""

    name: str
    is_online: bool
    since: float | None = None
    last_seen: float | None = None
    version: str = ""
    slots: int = 0
    busy: int = 0
    repos: Sequence[str] = ()
    problem: str = ""


async def states(config: Config) -> list[WorkerState]:
    """Return what Redis says of the workers that are paired with this machine.

    Raises:
        ConfigError: No Redis is configured.
        DataError: It does not answer.
    """
    machine, keys = config.machine.name, WorkerKeys(fleet_folder(config.data_dir)).keys()
    async with open_broker(config) as broker:
        try:
            seen = await broker.look(machine, sorted(keys))
        except BrokerError as error:
            raise DataError(f"Redis cannot be used: {error}.") from error
        found = []
        for name, (is_alive, card) in zip(sorted(keys), seen, strict=True):
            member = Member(broker, machine, 0, name, keys[name], lambda: None)
            if card is not None:
                member.take_card(card)
            found.append(_state(member, is_alive=is_alive))
        return found


def _state(member: Member, *, is_alive: bool) -> WorkerState:
    card = member.card
    if card is None:
        return WorkerState(member.name, is_online=False, problem=member.problem)
    return WorkerState(
        *(member.name, is_alive and not member.problem, card.since, card.time),
        *(card.version, card.slots, card.busy, [each.name for each in card.repos]),
        member.problem,
    )


def line(state: WorkerState) -> str:
    """Return a line about a worker."""
    if state.problem:
        return f"{state.name:<12} {state.problem}"
    if state.since is None or state.last_seen is None:
        return f"{state.name:<12} not seen yet"
    clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(state.since))
    where = "online" if state.is_online else "away"
    return (
        f"{state.name:<12} {where}, since {clock}, last seen {ago(time.time() - state.last_seen)}, "
        f"Butler {state.version}, {state.busy}/{state.slots} slots, {listed(state.repos)}"
    )


def invite(config: Config, name: str) -> str:
    """Let a worker join once; return what to type there, and the rule for Redis.

    Raises:
        ConfigError: A machine cannot be called so, or no Redis is configured.
    """
    if config.redis.place is None:
        raise ConfigError("Set url in [redis] first: all machines have to reach that Redis.")
    if not is_machine_name(name):
        raise ConfigError(
            f"{name!r} is not a name for a machine: letters, digits, - and _, 32 at most."
        )
    if name == config.machine.name:
        raise ConfigError(f"{name} is this machine. Choose another name, or set [machine] name.")
    code = new_code(name, config.machine.name)
    WorkerKeys(fleet_folder(config.data_dir)).invite(name, code.secret)
    return (
        f"On {name}, within an hour, where its config.toml names its repos and the same [redis]:\n"
        f"\n    butler worker join {code}\n\n"
        "It works once, joins and stays; later: butler worker. Butler has to run here.\n\n"
        f"A user of its own for {name} in Redis:\n\n    {acl_rule(config.redis.name, name)}\n"
    )


def acl_rule(redis_name: str, worker: str) -> str:
    """Return the command for Redis that makes a user who can be this worker and nothing else."""
    keys = [f"*:{worker}", "from:*", "blob:*", "number", "number-from"]
    patterns = " ".join(f"~{{butler:{redis_name}}}:{each}" for each in keys)
    return (
        f"ACL SETUSER butler-{worker} on >PASSWORD resetkeys {patterns} resetchannels -@all "
        "+ping +auth +hello +select +evalsha +eval +script|load +get +set +del +pexpire "
        "+hset +xadd +xlen +xread +xtrim +info"
    )


def remove(config: Config, name: str) -> str:
    """Forget a worker; return what to say.

    Raises:
        ConfigError: There is none of that name.
    """
    if not WorkerKeys(fleet_folder(config.data_dir)).remove(name):
        raise ConfigError(
            f"No worker called {name} is paired or invited. butler workers lists all."
        )
    return f"{name} is no longer paired. What it does now, it does to the end.\n"

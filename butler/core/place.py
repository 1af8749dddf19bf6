"""Where a command belongs when repos live on several machines."""

from enum import Enum


class At(Enum):
    """The machine that handles a command; a first argument of type ``Repo`` decides before it."""

    REPO = "the machine of the chat's active repo"
    CHOICE = "the machine of the repo that it makes the active one; without a repo, the hub"
    HUB = "the machine with the link to the chat network"
    RUN = "the machine of the run that is named, else of the chat's newest run"
    RUN_OR_REPO = "the machine of the run that is named, else of the active repo"
    TOPIC = "the machine of the active repo if it is there and has the command that is named"
    EVERYWHERE = "all machines; their replies are joined"

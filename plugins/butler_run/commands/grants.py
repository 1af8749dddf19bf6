"""What owners allowed agents for always."""

from typing import Literal

from butler import Context, Role, UserError, command, listed
from butler_run.commands.base import RunCommandsBase
from butler_run.permissions.standing import StandingGrant


class GrantCommands(RunCommandsBase):
    """The command about standing grants."""

    @command(needs=Role.OWNER)
    async def grants(
        self,
        ctx: Context,
        action: Literal["revoke"] | None = None,
        number: int | Literal["all"] | None = None,
    ) -> str:
        """List what agents may do in this chat without asking, since an owner answered "always".

        /grants revoke 2 revokes the second grant, /grants revoke all every one of this chat.
        """
        standing = self._questions.standing
        if action is None:
            grants = [_granted(each) for each in standing.of(ctx.chat_id)]
            if not grants:
                return "No standing grants in this chat: agents ask."
            return "\n".join([*grants, "", "/grants revoke <number> revokes one."])
        if number is None:
            raise UserError("Which one? /grants revoke <number>, or /grants revoke all")
        revoked = standing.revoke(ctx.chat_id, number if isinstance(number, int) else None)
        ctx.detail = f"grants revoked: {', '.join(str(each.number) for each in revoked) or 'none'}"
        if not revoked:
            raise UserError("There is no such grant in this chat. /grants lists them.")
        return f"Agents ask again: {listed(each.scope.what for each in revoked)}."


def _granted(grant: StandingGrant) -> str:
    return f"{grant.number}. {grant.scope.what}, in *{grant.repo}*, by {grant.by}"

"""Matches plain text to the open questions of agents."""

from butler import PASS, Context, Pass, Role, UserError, said
from butler_run.agents import Decision
from butler_run.inquiries.forms import Answer, PlanForm
from butler_run.inquiries.inquiry import Inquiry
from butler_run.permissions.answer import not_theirs
from butler_run.permissions.questions import Questions

_DECIDED = {
    Decision.GO: "plan approved",
    Decision.GO_EDITING: "plan approved with edits",
    Decision.NO: "plan rejected",
}


def replied(ctx: Context, questions: Questions, quoted_run: int | None) -> str | Pass | None:
    """Answer the agent's question that a message is meant for.

    Returns None if it was, a sentence if it cannot be, ``PASS`` if it is for somebody else.

    Args:
        ctx: The message.
        questions: The open ones.
        quoted_run: The number of the run to which the message it quotes belongs.
    """
    open_here = [each for each in questions.others_of(ctx.chat_id) if isinstance(each, Inquiry)]
    quoted = questions.quoted_other(ctx.chat_id, ctx.message.quoted_id)
    text = ctx.message.text.strip()
    if not open_here or not text:
        return PASS
    if isinstance(quoted, Inquiry):
        return _given(ctx, quoted, text, questions, is_named=True)
    if ctx.message.is_reaction:
        return PASS
    coded, rest = _by_code(open_here, text)
    if coded is not None:
        return _given(ctx, coded, rest, questions, is_named=True)
    return _plain(ctx, open_here, text, questions, quoted_run)


def _plain(
    ctx: Context,
    open_here: list[Inquiry],
    text: str,
    questions: Questions,
    quoted_run: int | None,
) -> str | Pass | None:
    """Take text that names no question as the answer to the only one that it can be for."""
    is_quoting = ctx.message.quoted_id is not None
    meant = [each for each in open_here if not is_quoting or each.number == quoted_run]
    theirs = [each for each in meant if not not_theirs(ctx, each)]
    if not theirs:
        return PASS
    permissions = questions.of(ctx.chat_id)
    is_permission = said(text, is_reaction=False) is not None and permissions
    if len(theirs) == 1 and not is_permission:
        return _given(ctx, theirs[0], text, questions, is_named=is_quoting)
    ways = [f"• {each.code} your answer: {_named(each)}" for each in theirs]
    ways += [f"• {text} {each.code}: {each.wish}" for each in permissions if is_permission]
    return "\n".join(["Which question? Add its code:", *ways])


def _named(inquiry: Inquiry) -> str:
    return f"what {inquiry.agent} asks in run {inquiry.number}"


def _by_code(open_here: list[Inquiry], text: str) -> tuple[Inquiry | None, str]:
    """Return the question whose code comes first or last in a text, and the rest of it."""
    first, _, after = text.partition(" ")
    before, _, last = text.rpartition(" ")
    for each in open_here:
        if first.rstrip(":").casefold() == each.code and after.strip():
            return each, after.strip()
        if last.casefold() == each.code and before.strip():
            return each, before.strip()
    return None, text


def _given(
    ctx: Context, inquiry: Inquiry, text: str, questions: Questions, *, is_named: bool
) -> str | None:
    if problem := not_theirs(ctx, inquiry):
        return problem
    if questions.is_too_soon(inquiry, ctx.message.time, is_named=is_named):
        return f"That was asked only just now. Read it, then answer once more. {inquiry.form.hint}"
    try:
        answer = inquiry.form.parse(text)
    except UserError as error:
        return str(error)
    if answer.decision is not Decision.NO:
        ctx.check_recordable()
    if not inquiry.answer.done():
        inquiry.answer.set_result(answer)
        by = "" if ctx.sender == inquiry.requester else " by somebody else than the requester"
        role = "owner" if ctx.role is Role.OWNER else "user"
        ctx.audit(
            *("run", "", _result(inquiry, answer)),
            f"run {inquiry.number}, question {inquiry.code}, {role}{by}",
        )
    return None


def _result(inquiry: Inquiry, answer: Answer) -> str:
    if not isinstance(inquiry.form, PlanForm):
        return "answered"
    return _DECIDED[answer.decision]

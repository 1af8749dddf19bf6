"""Matches answers to open questions."""

from butler import PASS, Context, Pass, Role
from butler_run.agents import OptionKind
from butler_run.permissions.questions import Question, Questions, Said


def answered(
    ctx: Context, answer: Said, questions: Questions, quoted_run: int | None
) -> str | Pass | None:
    """Answer the question that ``answer`` is meant for.

    Returns None if it was given, a sentence if it cannot be, ``PASS`` if it is for somebody else.

    Args:
        ctx: The message with the answer.
        answer: What it says.
        questions: The open ones.
        quoted_run: The number of the run to which the message it quotes belongs.
    """
    meant = _meant(ctx, questions, quoted_run)
    fitting = [each for each in meant if answer.letter in {None, each.letter}]
    if len(fitting) == 1:
        return _given(ctx, answer, fitting[0])
    if ctx.message.is_reaction:
        return PASS
    if meant:
        letters = [each.letter for each in meant]
        example = f"{answer.word} {letters[-1]}"
        return f"Which question? Add its letter ({', '.join(letters)}), as in: {example}"
    if questions.is_closed(ctx.chat_id, ctx.message.quoted_id):
        return "That question is no longer open."
    return PASS


def _given(ctx: Context, answer: Said, question: Question) -> str | None:
    if ctx.role is not Role.OWNER and question.requester != ctx.sender:
        return "Only the person who started the run or an owner can answer that."
    is_first = not question.answer.done()
    if not question.settle(answer.word):
        return f"{answer.word} is not an option. The question was: {question.text}"
    if is_first:
        _note(ctx, question)
    return None


def _note(ctx: Context, question: Question) -> None:
    option = question.answer.result()
    kind = OptionKind.REJECT if option is None else option.kind
    asked = f"run {question.number}, question {question.letter}: {question.asked.tool}"
    ctx.audit("run", "", kind.replace("_", " "), asked)


def _meant(ctx: Context, questions: Questions, quoted_run: int | None) -> list[Question]:
    """Return the open questions that a message may answer: the quoted ones, if any."""
    open_here, quoted_id = questions.of(ctx.chat_id), ctx.message.quoted_id
    if quoted := questions.quoted(ctx.chat_id, quoted_id):
        return [quoted]
    if ctx.message.is_reaction:
        return []
    return [each for each in open_here if quoted_id is None or each.number == quoted_run]

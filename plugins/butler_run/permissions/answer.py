"""Matches answers to open questions."""

from butler import PASS, Context, Pass, Role, Said
from butler_run.permissions.questions import Open, Question, Questions, Way


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
    fitting = [each for each in meant if answer.code in {None, each.code}]
    if len(fitting) == 1:
        return _given(ctx, answer, fitting[0], questions)
    if ctx.message.is_reaction:
        return PASS
    if meant:
        ways = [f"• {answer.word} {each.code}: {each.wish}" for each in meant]
        return "\n".join(["Which question? Add its code:", *ways])
    if questions.is_closed(ctx.chat_id, ctx.message.quoted_id):
        return "That question is no longer open."
    return PASS


def _given(ctx: Context, answer: Said, question: Question, questions: Questions) -> str | None:
    if problem := not_theirs(ctx, question):
        return problem
    is_named = answer.code is not None or ctx.message.quoted_id is not None
    if questions.is_too_soon(question, ctx.message.time, is_named=is_named):
        said = f"{question.wish}: that was asked only just now."
        return f"{said} Read it, then answer once more: {answer.word} {question.code}"
    way = question.way(answer.word)
    if way is None:
        return f"{answer.word} is not an option. {' · '.join(each.text for each in question.ways)}"
    if way.is_always and ctx.role is not Role.OWNER:
        return f"Only an owner can answer {way.number}, as that holds for later questions, too."
    if not way.is_rejection:
        ctx.check_recordable()
    if not question.answer.done():
        question.answer.set_result(way)
        _note(ctx, question, way)
    return None


def not_theirs(ctx: Context, question: Open) -> str:
    """Return a sentence where the sender may not answer a question; nothing where they may."""
    if ctx.role is Role.OWNER:
        return ""
    match question.approvers:
        case "owner":
            return "Only an owner can answer that."
        case "member" if not may_run(ctx):
            return "Only those who may use /run here can answer that."
        case "requester" if question.requester != ctx.sender:
            return "Only the person who started the run or an owner can answer that."
    return ""


def _note(ctx: Context, question: Question, way: Way) -> None:
    result = "reject" if way.is_rejection else "allow always" if way.is_always else "allow once"
    asked = f"run {question.number}, question {question.code}: {question.asked.tool}"
    ctx.audit("run", question.repo.name, result, asked)


def _meant(ctx: Context, questions: Questions, quoted_run: int | None) -> list[Question]:
    """Return the open questions that a message may answer: the quoted ones, if any."""
    open_here, quoted_id = questions.of(ctx.chat_id), ctx.message.quoted_id
    if quoted := questions.quoted(ctx.chat_id, quoted_id):
        return [quoted]
    if ctx.message.is_reaction:
        return []
    return [each for each in open_here if quoted_id is None or each.number == quoted_run]


def may_run(ctx: Context) -> bool:
    """Return whether the sender may use /run here; required for every way to start a run."""
    return any(each.name == "run" for each in ctx.commands)

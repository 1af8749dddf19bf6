"""Who answers which question, from what they write."""

from butler import PASS, Context, Pass, Role
from butler_run.agents import Option
from butler_run.questions import Question, Questions, Said


def answered(ctx: Context, answer: Said, questions: Questions) -> str | Pass | None:
    """Give an answer to the question it is meant for.

    Returns None if it was given, a sentence if it cannot be, ``PASS`` if it is for somebody else.
    """
    question = _meant(ctx, answer, questions)
    if question is None:
        if ctx.message.is_reaction or ctx.message.quoted_id is not None:
            return PASS
        letters = ", ".join(each.letter for each in questions.of(ctx.chat_id))
        return f"Which question? Add its letter ({letters}), as in: {answer.word} a"
    if not _may_answer(ctx, question):
        return "Only who started the run, or an owner, can answer that."
    option = question.option(answer.word)
    if option is None:
        return f"There is no answer {answer.word}. The question was: {question.text}"
    if not question.answer.done():
        question.answer.set_result(option)
        _note(ctx, question, option)
    return None


def _note(ctx: Context, question: Question, option: Option) -> None:
    asked = f"run {question.number}, question {question.letter}: {question.asked.tool}"
    ctx.audit("run", "", option.kind.replace("_", " "), asked)


def _may_answer(ctx: Context, question: Question) -> bool:
    return ctx.role is Role.OWNER or question.requester == ctx.sender


def _meant(ctx: Context, answer: Said, questions: Questions) -> Question | None:
    quoted_id = ctx.message.quoted_id
    if ctx.message.is_reaction or quoted_id is not None:
        return questions.quoted(ctx.chat_id, quoted_id)
    if answer.letter is not None:
        return questions.lettered(ctx.chat_id, answer.letter)
    open_here = questions.of(ctx.chat_id)
    return open_here[0] if len(open_here) == 1 else None

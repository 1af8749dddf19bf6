"""How questions and plans of agents are shown, and what an answer means; pure functions."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from butler import UserError
from butler_run.agents import Decision, Field, FieldKind, Label, PlanProposed, Value
from butler_run.text.plain import in_one_line, is_quoted_in_part, quoted

MOST_FIELDS = 10
MOST_LABELS = 30

_MOST_ANSWERED = 4_000
_QUESTION_LINES, _QUESTION_CHARS = 20, 1_500
_PLAN_LINES, _PLAN_CHARS = 12, 700
_LABEL_LENGTH, _DESCRIPTION_LENGTH = 100, 120
_SKIP = "skip"
_NUMBERS = re.compile(r"[0-9]{1,2}(?:[\s,;.&+]{1,5}(?:and\s{1,3})?[0-9]{1,2}){0,40}\s{0,5}[.]?")
_YES = {"1": True, "yes": True, "y": True, "true": True, "👍": True}
_NO = {"2": False, "no": False, "n": False, "false": False, "👎": False}
_SKIN = "\ufe0f🏻🏼🏽🏾🏿"
_GO = {"1": Decision.GO, "yes": Decision.GO, "👍": Decision.GO, "2": Decision.GO_EDITING}
_REASON = re.compile(
    r"(?:3|no|👎)[\s,.:;–-]{0,10}(?:no[\s,.:;–-]{1,10})?(?:because\s)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered.

    Attributes:
        value: The value for a field; None leaves it out.
        decision: The decision on a plan.
        reason: Why not.
    """

    value: Value | None = None
    decision: Decision = Decision.NO
    reason: str = ""


class Form(Protocol):
    """Something that the chat is asked."""

    def text(self, agent: str) -> str:
        """Return the question for the chat."""
        ...

    @property
    def document(self) -> str:
        """All of it, where the text leaves some out and no other document has it; else empty."""
        ...

    @property
    def hint(self) -> str:
        """What to write."""
        ...

    def parse(self, text: str) -> Answer:
        """Return what an answer means.

        Raises:
            UserError: It is none; the text says what to write.
        """
        ...


@dataclass(frozen=True, slots=True)
class FieldForm:
    """One of several questions."""

    field: Field
    number: int
    count: int

    def text(self, agent: str) -> str:
        """Return the question for the chat."""
        position = f" ({self.number} of {self.count})" if self.count > 1 else ""
        question = quoted(self.field.question, _QUESTION_LINES, _QUESTION_CHARS)
        labels = [_shown(n, each) for n, each in enumerate(self.field.labels, start=1)]
        note = ["(the document has the full text)"] if self.document else []
        return "\n".join([f"{agent} asks{position}:", question, *labels, self.hint, *note])

    @property
    def document(self) -> str:
        """The question with its choices, if the text leaves some of it out."""
        question, labels = self.field.question, self.field.labels
        is_cut = is_quoted_in_part(question, _QUESTION_LINES, _QUESTION_CHARS) or any(
            len(each.text) > _LABEL_LENGTH or len(each.description) > _DESCRIPTION_LENGTH
            for each in labels
        )
        if not is_cut:
            return ""
        numbered = [
            f"{number}. {each.text}" + (f" – {each.description}" if each.description else "")
            for number, each in enumerate(labels, start=1)
        ]
        return "\n\n".join([question, *numbered])

    @property
    def hint(self) -> str:
        """What to write."""
        skipped = "" if self.field.is_required else f" _{_SKIP}_ leaves it out."
        match self.field.kind:
            case FieldKind.CHOICE:
                return f"{self._choices()}.{skipped}"
            case FieldKind.NUMBER:
                return f"Write a number.{skipped}"
            case FieldKind.INTEGER:
                return f"Write a whole number.{skipped}"
            case FieldKind.YES_NO:
                return f"1 yes · 2 no.{skipped}"
            case FieldKind.TEXT:
                return f"Write your answer.{skipped}"

    def _choices(self) -> str:
        count = len(self.field.labels)
        numbers = "1" if count == 1 else "1 or 2" if count == 2 else f"1 to {count}"
        if self.field.is_many and count > 1:
            numbers += ", also several, as in 1 2"
        return f"{numbers}, or write your own" if self.field.takes_text else numbers

    def parse(self, text: str) -> Answer:
        """Return what an answer means."""
        if len(text) > _MOST_ANSWERED:
            raise UserError(
                f"That is too long for an answer: at most {_MOST_ANSWERED:,} characters."
            )
        if not self.field.is_required and text.casefold().strip(".") == _SKIP:
            return Answer(None)
        return Answer(self._value(text))

    def _value(self, text: str) -> Value:
        match self.field.kind:
            case FieldKind.CHOICE:
                return self._chosen(text)
            case FieldKind.TEXT:
                return text
            case FieldKind.YES_NO:
                word = text.casefold().rstrip(_SKIN).rstrip(".!")
                if word not in {**_YES, **_NO}:
                    raise self._refusal(text)
                return {**_YES, **_NO}[word]
            case FieldKind.INTEGER | FieldKind.NUMBER:
                return self._number(text)

    def _chosen(self, text: str) -> Value:
        labels = self.field.labels
        if _NUMBERS.fullmatch(text):
            numbers = [int(each) for each in re.findall(r"[0-9]+", text)]
            if not all(1 <= each <= len(labels) for each in numbers):
                raise self._refusal(text)
            if len(numbers) > 1 and not self.field.is_many:
                raise self._refusal(text)
            values = tuple(labels[each - 1].value for each in dict.fromkeys(numbers))
            return values if self.field.is_many else values[0]
        named = (each.value for each in labels if each.text.casefold() == text.casefold())
        value = next(named, text if self.field.takes_text else None)
        if value is None:
            raise self._refusal(text)
        return (value,) if self.field.is_many else value

    def _number(self, text: str) -> Value:
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            raise self._refusal(text) from None
        is_whole = isfinite(number) and number == int(number)
        if not isfinite(number) or (self.field.kind is FieldKind.INTEGER and not is_whole):
            raise self._refusal(text)
        return int(number) if self.field.kind is FieldKind.INTEGER else number

    def _refusal(self, text: str) -> UserError:
        return UserError(f"{in_one_line(text, 40)} is not one of the answers. {self.hint}")


@dataclass(frozen=True, slots=True)
class PlanForm:
    """A plan.

    Attributes:
        plan: The plan.
        may_edit: Whether the agent may be allowed to edit without asking.
    """

    plan: PlanProposed
    may_edit: bool

    def text(self, agent: str) -> str:
        """Return the question for the chat."""
        shown = quoted(self.plan.plan, _PLAN_LINES, _PLAN_CHARS)
        return "\n".join([f"{agent} has a plan:", *([shown] if shown else []), self.hint])

    @property
    def document(self) -> str:
        """Nothing: a plan is a document of its own."""
        return ""

    @property
    def hint(self) -> str:
        """What to write."""
        edit = " · 2 yes, and edit without asking" if self.may_edit else ""
        return f"Go ahead? 1 yes{edit} · 3 no, because …"

    def parse(self, text: str) -> Answer:
        """Return what an answer means."""
        word = text.casefold().rstrip(_SKIN).rstrip(".!")
        decision = _GO.get(word)
        if decision is Decision.GO or (decision is Decision.GO_EDITING and self.may_edit):
            return Answer(decision=decision)
        refused = _REASON.match(text[:_MOST_ANSWERED])
        if refused is None or not _is_whole_word(text, refused):
            raise UserError(f"{in_one_line(text, 40)} is not one of the answers. {self.hint}")
        return Answer(decision=Decision.NO, reason=text[refused.end() : _MOST_ANSWERED].strip())


def _is_whole_word(text: str, match: re.Match[str]) -> bool:
    """Return whether "3" or "no" is a word of its own, unlike that in "30" or "nothing"."""
    end = match.end()
    return end == len(text) or not text[end - 1].isalnum() or not text[end].isalnum()


def _shown(number: int, label: Label) -> str:
    description = in_one_line(label.description, _DESCRIPTION_LENGTH)
    said = in_one_line(label.text, _LABEL_LENGTH)
    return f"{number}. {said}" + (f" – {description}" if description else "")

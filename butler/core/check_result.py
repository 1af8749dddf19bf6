"""One line of `butler check`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at one thing showed.

    Attributes:
        is_fine: It can be used as it is configured.
        subject: The thing, such as ``repo api``.
        detail: Where it is, or what is wrong with it.
        is_note: It is fine, but there is something to know.
    """

    is_fine: bool
    subject: str
    detail: str
    is_note: bool = False

    def __str__(self) -> str:
        word = ("note " if self.is_note else "ok   ") if self.is_fine else "WRONG"
        return f"{word}  {self.subject:<14} {self.detail}"

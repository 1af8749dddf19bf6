"""One line of `butler check`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        is_fine: The subject works as configured.
        subject: The checked item, such as ``repo api``.
        detail: Its location, or the problem.
        is_note: The subject works, but the operator should know something about it.
    """

    is_fine: bool
    subject: str
    detail: str
    is_note: bool = False

    @property
    def word(self) -> str:
        """``ok``, ``note`` or ``WRONG``."""
        if not self.is_fine:
            return "WRONG"
        return "note" if self.is_note else "ok"

    def __str__(self) -> str:
        return f"{self.word:<5}  {self.subject:<14} {self.detail}"

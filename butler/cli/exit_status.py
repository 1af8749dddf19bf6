"""Exit statuses of the sub-commands."""

from collections.abc import Coroutine

TYPE_CHECKING = False  # asyncio is slow to import
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

OK, FAILED, WRONG = 0, 1, 2
"""Success; failure that a restart may mend; what only a person can mend, or a problem found."""


def run_to_the_end(
    work: Coroutine[object, object, object], loop: "Callable[[], AbstractEventLoop] | None" = None
) -> int:
    """Run ``work`` on an event loop; False or an interrupting signal means failure.

    Args:
        work: What to run.
        loop: Creates the event loop; by default the usual one.
    """
    import asyncio

    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            return FAILED if runner.run(work) is False else OK
    except asyncio.CancelledError:
        return FAILED
    except ExceptionGroup as group:
        raise _only(group) from group


def _only(group: ExceptionGroup[Exception]) -> Exception:
    """Return the single error in an exception group; the group if there are more."""
    inner = group.exceptions[0]
    if len(group.exceptions) > 1:
        return group
    return _only(inner) if isinstance(inner, ExceptionGroup) else inner

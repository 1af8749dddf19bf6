"""What the owner does from a page: a message in a chat, through its gate."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from butler.errors import UserError
from butler.web.panel import back, form_of, panel_of

Form = Mapping[str, str]

_COMMANDS: dict[str, tuple[str, ...]] = {
    "stop": ("run",),
    "retry": ("run",),
    "undo": ("run",),
    "use": ("repo",),
    "clear": (),
    "allow": ("whom?",),
    "deny": ("whom?",),
}
"""The commands that pages offer, with the fields of their forms; some may be missing."""

_DONE = "Done."


async def act(request: Request) -> Response:
    """Do what a form asks for, and say what came of it."""
    panel, form = panel_of(request), await form_of(request)
    to = _page_to_return_to(form)
    try:
        text = _text(form, panel.config.prefix)
        replies = await panel.source.say(form.get("chat", ""), text)
    except UserError as error:
        return back(request, str(error), is_refusal=True, to=to)
    await panel.live.nudge()
    return back(request, "\n\n".join(replies) or _DONE, to=to)


def _text(form: Form, prefix: str) -> str:
    """Return what to write in the chat.

    Raises:
        UserError: The form does not say.
    """
    if not form.get("chat"):
        raise UserError("Which chat? The form does not say.")
    return _answer(form) if form.get("do") == "answer" else _command(form, prefix)


def _command(form: Form, prefix: str) -> str:
    name = form.get("do", "")
    if name not in _COMMANDS:
        raise UserError("That is not something to do from here.")
    words = (_field(form, each) for each in _COMMANDS[name])
    return " ".join([f"{prefix}{name}", *filter(None, words)])


def _field(form: Form, name: str) -> str:
    known = name.removesuffix("?")
    return "" if name != known and known not in form else _word(form.get(known, ""))


def _answer(form: Form) -> str:
    """Return the answer to a question, which is not a command whatever it begins with."""
    code, word = _word(form.get("code", "")), form.get("answer", "").strip()
    if not word:
        raise UserError("Write an answer first.")
    return word if word.endswith(f" {code}") else f"{code} {word}"


def _word(value: str) -> str:
    """Return a value as the one word that a command takes it for.

    Raises:
        UserError: It is none.
    """
    if not value.strip() or len(value.split()) != 1:
        raise UserError("Fill in the form with one word.")
    return value.strip()


def _page_to_return_to(form: Form) -> str:
    """Return the path of the page with the form; never one of another site."""
    path = form.get("to", "/")
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"

"""Links an account from the panel, by a QR code or a code to type on the phone."""

import asyncio
import time
from dataclasses import dataclass

import segno

from butler.config.schema import Config
from butler.errors import ButlerError, UserError
from butler.ops.daemon import whatsapp_folder
from butler.ops.reporting import forget
from butler.transports.whatsapp import linked_account, pair
from butler.web.changing import Changing

_QUIET_ZONE = 4


@dataclass(frozen=True, slots=True)
class Code:
    """What is shown; times in Unix seconds.

    Attributes:
        expires_at: When the next one replaces it.
        qr_path: The dark modules of a QR code, as the path of an SVG.
        qr_size: Its width and height in modules, with the white border.
        typed: The code to type.
    """

    expires_at: float
    qr_path: str = ""
    qr_size: int = 0
    typed: str = ""


class Linking(Changing):
    """The pairing in progress, if there is one.

    Attributes:
        code: What to scan or to type now.
        said: How the last one ended, or that it is about to begin.
        is_refusal: Whether that is a failure.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config
        self._task: asyncio.Task[None] | None = None
        self.code: Code | None = None
        self.said = ""
        self.is_refusal = False

    @property
    def is_at_work(self) -> bool:
        """Whether codes are shown, or about to be."""
        return self._task is not None and not self._task.done()

    async def begin(self, phone: str | None) -> None:
        """Begin to show codes; a second call while they are shown changes nothing.

        Raises:
            UserError: An account is linked already.
        """
        account = await asyncio.to_thread(linked_account, self._config.data_dir / "whatsapp")
        if account is not None:
            raise UserError(f"{account} is already linked. To change that: butler unlink")
        if not self.is_at_work:
            self.code, self.said, self.is_refusal = None, "Asking WhatsApp for a code.", False
            self._task = asyncio.create_task(self._pair(phone), name="link")
            await self.changed()

    async def close(self) -> None:
        """Give up what is in progress."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _pair(self, phone: str | None) -> None:
        try:
            with whatsapp_folder(self._config) as folder:
                account = await pair(
                    folder,
                    self._config.whatsapp.device_name,
                    phone=phone,
                    on_qr=self._show_qr,
                    on_code=self._show_typed,
                )
                forget(self._config.data_dir)
        except ButlerError as error:
            await self._end(str(error), is_refusal=True)
        else:
            await self._end(f"Linked as {account}. Next: butler run")

    def _show_qr(self, text: str, life_s: float) -> None:
        path, size = qr_path(text)
        self._show(Code(time.time() + life_s, path, size))

    def _show_typed(self, code: str, life_s: float) -> None:
        self._show(Code(time.time() + life_s, typed=code))

    def _show(self, code: Code) -> None:
        self.code, self.said = code, ""
        self._telling = asyncio.ensure_future(self.changed())

    async def _end(self, said: str, *, is_refusal: bool = False) -> None:
        self.code, self.said, self.is_refusal = None, said, is_refusal
        await self.changed()


def qr_path(text: str) -> tuple[str, int]:
    """Return the dark modules of a QR code as the path of an SVG, and the size of that."""
    rows = list(segno.make(text, error="l").matrix_iter(border=_QUIET_ZONE))
    dark = (
        f"M{column},{line}h1v1h-1z"
        for line, row in enumerate(rows)
        for column, module in enumerate(row)
        if module
    )
    return "".join(dark), len(rows)

"""`butler unlink`: unlink the account."""

import argparse
from pathlib import Path

from butler import app, logs
from butler.cli.exit_status import run_to_the_end
from butler.config.schema import Config
from butler.errors import DataError, LinkEndedError
from butler.ops.daemon import whatsapp_folder
from butler.ops.reporting import forget
from butler.transports.whatsapp import linked_account, unlink


def main(options: argparse.Namespace) -> int:
    """Unlink the account, at WhatsApp and here."""
    setup = app.read_setup(options.config)
    logs.configure("WARNING")
    return run_to_the_end(_unlink(setup.config))


def _account(folder: Path) -> str | None:
    """Return what to call the account; None if there is none."""
    try:
        return linked_account(folder)
    except DataError:
        return "The account, whose credentials cannot be read,"


async def _unlink(config: Config) -> None:
    with whatsapp_folder(config) as folder:
        account = _account(folder)
        if account is None:
            raise LinkEndedError("No WhatsApp account is linked.")
        problem = await unlink(folder, config.whatsapp.device_name)
        forget(config.data_dir)
    print(f"{account} is no longer linked. To link an account: butler pair", flush=True)
    if problem is not None:
        print(
            f"{problem} So remove {config.whatsapp.device_name} on the phone, too: "
            "Settings, Linked devices.",
            flush=True,
        )

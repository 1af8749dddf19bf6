"""The patched copy of neonize."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from whatsapp_server.binary_xml import BinaryXml
from whatsapp_server.elements import Element, Jid, element
from whatsapp_server.installation import PINNED_ROOT_KEY, installation

_PRINT_FOLDER = """
from pathlib import Path
import sys
from whatsapp_server.installation import installation
print(installation(Path(sys.argv[1])).folder)
"""


async def _folder_made_by_another_process(cache: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _PRINT_FOLDER,
        str(cache),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return output.decode().strip()


def _names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_two_processes_can_make_it_at_once(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first, second = await asyncio.gather(
        _folder_made_by_another_process(cache), _folder_made_by_another_process(cache)
    )

    assert first == second
    assert _names_in(cache) == [Path(first).name]


def test_only_the_pinned_key_differs_from_the_original() -> None:
    (copy,) = (installation().site / "neonize").glob("*.so")
    patched = copy.read_bytes()

    assert PINNED_ROOT_KEY not in patched
    assert patched.count(installation().root.public) == 1


@pytest.mark.parametrize(
    "sample",
    [
        element("iq", {"type": "get", "to": Jid("", "s.whatsapp.net")}),
        element("message", {"from": Jid("123", "lid", 7), "id": "not a token"}),
        element("list", None, *(element("item", {"n": str(n)}) for n in range(300))),
        element("enc", None, data=b"\0" * 70_000),
        element("enc", None, data=b"\1" * (1 << 20)),
    ],
    ids=["tokens", "device", "long list", "bytes", "many bytes"],
)
def test_an_element_survives_its_encoding(sample: Element) -> None:
    xml = BinaryXml(installation().tokens())

    assert xml.decode(xml.encode(sample)) == sample

"""Files of a prompt as content blocks of the Agent Client Protocol."""

import base64
from collections.abc import Iterable, Iterator

import acp
from acp.schema import ImageContentBlock, ResourceContentBlock, TextContentBlock

from butler_run.agents.agent import PromptFile

Block = TextContentBlock | ImageContentBlock | ResourceContentBlock


def file_blocks(files: Iterable[PromptFile], *, takes_pictures: bool) -> Iterator[Block]:
    """Yield a block for each file: a picture where the agent takes that, else a link."""
    for each in files:
        if takes_pictures and each.shown is not None and each.shown_type.startswith("image/"):
            data = base64.b64encode(each.shown).decode()
            yield acp.image_block(data, each.shown_type)
        else:
            yield acp.resource_link_block(
                each.path.name, each.path.as_uri(), mime_type=each.media_type
            )

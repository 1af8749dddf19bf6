"""The workers of this machine, where a Redis is configured."""

import asyncio

from butler.config.schema import Config
from butler.errors import ButlerError

LIMIT_S = 2.0


async def machine_lines(config: Config) -> list[str]:
    """Return a line about each worker, or why there is none; empty where this is the only machine.

    Nothing of it is imported where no Redis is configured.
    """
    if config.redis.place is None:
        return []
    try:
        from butler.ops.workers import line, states

        async with asyncio.timeout(LIMIT_S):
            return [line(each) for each in await states(config)]
    except ImportError as error:
        return [f"The workers cannot be listed: {error}."]
    except TimeoutError:
        return ["Redis does not answer, so it is unknown which workers are there."]
    except ButlerError as error:
        return [str(error)]

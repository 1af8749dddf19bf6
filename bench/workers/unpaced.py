"""What ``butler run`` does, without pacing; the last argument is the configuration file."""

import sys
from contextlib import nullcontext
from pathlib import Path

from butler.cli.exit_status import run_to_the_end

try:
    from butler.transports.whatsapp import Spawned
except ImportError:  # another checkout
    Spawned = nullcontext


def main(config: Path) -> int:
    """Serve the linked account until a stop signal arrives."""
    with Spawned() as gateway:
        from butler.app import read_setup
        from butler.ops import daemon
        from butler.transports.event_loop import FreezeAwareLoop

        daemon.Pacing = lambda *_limits: None
        started = () if gateway is None else ("", gateway)
        return run_to_the_end(daemon.serve(read_setup(config), *started), FreezeAwareLoop)


sys.exit(main(Path(sys.argv[-1])))

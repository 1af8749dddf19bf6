"""The log as the configuration wants it."""

from butler import logs
from butler.app import Setup


def configure_log(setup: Setup) -> None:
    """Write the log of Butler and its plugins as the configuration says."""
    log = setup.config.log
    packages = {type(each).__module__.partition(".")[0] for each in setup.plugins.values()}
    levels = {name: level.upper() for name, level in log.loggers.items()}
    logs.configure(log.level.upper(), {"butler", *packages}, levels)

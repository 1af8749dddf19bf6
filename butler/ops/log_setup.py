"""The log as the configuration wants it."""

import logging

from butler import logs
from butler.app import Setup
from butler.errors import ConfigError

logger = logging.getLogger(__name__)


def configure_log(setup: Setup) -> None:
    """Write the log of Butler and its plugins as the configuration says.

    Raises:
        ConfigError: The log file cannot be written.
    """
    log = setup.config.log
    packages = {type(each).__module__.partition(".")[0] for each in setup.plugins.values()}
    levels = {name: level.upper() for name, level in log.loggers.items()}
    target = logs.Target(log.format == "json", log.file, log.max_mb * 1_000_000)
    try:
        logs.configure(log.level.upper(), {"butler", *packages}, levels, target)
    except OSError as error:
        raise ConfigError(f"log.file: {log.file} cannot be written: {error.strerror}") from None


def follow_log(setup: Setup) -> None:
    """Write the log as a new configuration says; where that fails, it goes on as before."""
    try:
        configure_log(setup)
    except ConfigError as error:
        logger.error("the log goes on as before: %s", error)

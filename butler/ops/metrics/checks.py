"""The lines of `butler check` on the metrics."""

import ipaddress
from collections.abc import Iterator
from importlib.util import find_spec

from butler.config.schema import MetricsConfig
from butler.config.values import host_and_port
from butler.core.check_result import Finding
from butler.distribution import extra


def metrics_findings(config: MetricsConfig) -> Iterator[Finding]:
    """Yield what is wrong with the metrics, or worth knowing."""
    if config.is_empty:
        return
    if find_spec("prometheus_client") is None:
        yield Finding(False, "metrics", f"needs: {extra('metrics')}")
    elif config.listen is not None and not _is_loopback(config.listen):
        said = f"whoever reaches {config.listen} can read them; 127.0.0.1 is for this machine only"
        yield Finding(True, "metrics", said, is_note=True)
    else:
        yield Finding(True, "metrics", config.listen or str(config.textfile))


def _is_loopback(address: str) -> bool:
    host, _port = host_and_port(address)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

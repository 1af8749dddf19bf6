"""What Claude offers, from its answer to ``initialize``."""

from collections.abc import Iterator
from typing import Any

from butler_run.agents.agent import Offer
from butler_run.agents.events import Label

_DEFAULT = "default"
_MOST = 50


def offer_of(response: dict[str, Any]) -> Offer:
    """Return the models and efforts in the answer to ``initialize``."""
    models = [each for each in _listed(response.get("models")) if isinstance(each, dict)]
    efforts = next((each.get("supportedEffortLevels") for each in models), None)
    levels = [each for each in _listed(efforts) if isinstance(each, str) and each.isprintable()]
    return Offer(
        models=tuple(_labels(models)),
        model=_DEFAULT,
        efforts=tuple(Label(each, each) for each in levels),
    )


def _labels(models: list[dict[str, Any]]) -> Iterator[Label]:
    for each in models:
        match each:
            case {"value": str(value)} if value and value.isprintable():
                name, description = each.get("displayName"), each.get("description")
                yield Label(
                    value,
                    name if isinstance(name, str) else value,
                    description if isinstance(description, str) else "",
                )


def _listed(value: object) -> list[Any]:
    return value[:_MOST] if isinstance(value, list) else []

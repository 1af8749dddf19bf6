"""Translate forms of the Agent Client Protocol to questions, and answers back to their values."""

from collections.abc import Iterator, Mapping
from typing import Any

from butler_run.agents.events import Field, FieldKind, InputAsked, Label, Value

_OWN_TEXT = "_custom"
_KINDS = {
    "string": FieldKind.TEXT,
    "number": FieldKind.NUMBER,
    "integer": FieldKind.INTEGER,
    "boolean": FieldKind.YES_NO,
}

Params = dict[str, Any]


def form_of(input_id: str, params: Params) -> InputAsked | None:
    """Return the questions of a request for input; None for one that is no form."""
    schema = params.get("requestedSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if params.get("mode", "form") != "form" or not isinstance(properties, dict):
        return None
    required = schema.get("required") if isinstance(schema, dict) else ()
    names = set(map(str, required)) if isinstance(required, list) else set()
    fields = tuple(_fields(properties, names, str(params.get("message") or "")))
    return InputAsked(input_id, fields) if fields else None


def _fields(properties: Params, required: set[str], message: str) -> Iterator[Field]:
    for key, schema in properties.items():
        if not isinstance(schema, dict) or key.removesuffix(_OWN_TEXT) in {*properties} - {key}:
            continue
        labels, is_many = tuple(_labels(schema)), schema.get("type") == "array"
        kind = FieldKind.CHOICE if labels else _KINDS.get(str(schema.get("type")))
        if kind is None:
            continue
        yield Field(
            *(key, _question(schema, key, message), kind, labels),
            is_many=is_many,
            takes_text=f"{key}{_OWN_TEXT}" in properties,
            is_required=key in required or kind is FieldKind.CHOICE,
        )


def _question(schema: Params, key: str, message: str) -> str:
    asked = schema.get("description") or schema.get("title")
    return asked if isinstance(asked, str) and asked else message or key


def _labels(schema: Params) -> Iterator[Label]:
    """Yield the choices, which have several forms in JSON Schema."""
    items = schema.get("items")
    holder = items if isinstance(items, dict) else schema
    for each in _listed(holder, "oneOf") or _listed(holder, "anyOf") or _listed(holder, "enum"):
        match each:
            case str():
                yield Label(each, each)
            case {"const": str(value)}:
                title, description = each.get("title"), each.get("description")
                yield Label(
                    value,
                    title if isinstance(title, str) and title else value,
                    description if isinstance(description, str) else "",
                )


def _listed(holder: Params, key: str) -> list[Any]:
    value = holder.get(key)
    return value if isinstance(value, list) else []


def accepted(asked: InputAsked, values: Mapping[str, Value]) -> Params:
    """Return the answer to a form; texts in place of a choice go to the field beside it."""
    content: Params = {}
    for field in asked.fields:
        if (value := values.get(field.key)) is None:
            continue
        if field.kind is not FieldKind.CHOICE:
            content[field.key] = value
            continue
        chosen = value if isinstance(value, tuple) else (str(value),)
        offered = [each for each in chosen if each in {label.value for label in field.labels}]
        own = [each for each in chosen if each not in offered]
        if offered:
            content[field.key] = offered if field.is_many else offered[0]
        if own:
            content[f"{field.key}{_OWN_TEXT}"] = ", ".join(own)
    return {"action": "accept", "content": content}

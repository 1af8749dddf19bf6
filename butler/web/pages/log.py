"""Why and audit: every message that was not acted on, and everything that was done."""

import asyncio
import csv
import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from butler.config.values import moment
from butler.records.model import Done, Ignored
from butler.records.reading import Filter, RecordsReader
from butler.web.panel import Panel, page, panel_of

SHOWN, EXPORTED = 200, 100_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Entry = Ignored | Done


@dataclass(frozen=True, slots=True)
class Query:
    """What a form asks for; ``problem`` is what is wrong with it."""

    kind: Literal["ignored", "audit"]
    wanted: Filter
    since: str
    problem: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Query":
        """Return what the fields of a form mean."""
        kind: Literal["ignored", "audit"] = "audit" if fields.get("kind") == "audit" else "ignored"
        since, problem, begins = fields.get("since", "").strip() or "7d", "", 0.0
        try:
            begins = moment(since, time.time())
        except ValueError:
            problem = 'Since: write a time such as "30m", "12h", "7d" or "2026-11-22".'
        chat_id, text = fields.get("chat", "").strip(), fields.get("text", "").strip()
        return cls(kind, Filter(chat_id, text, begins), since, problem)


async def page_log(request: Request) -> Response:
    """Show what fits the form."""
    query = Query.of(request.query_params)
    entries = await asyncio.to_thread(_found, panel_of(request), query, SHOWN + 1)
    return page(
        request,
        "log.html",
        query=query,
        entries=entries[:SHOWN],
        is_cut=len(entries) > SHOWN,
        fields=str(request.query_params),
        now=time.time(),
    )


async def export(request: Request) -> Response:
    """Hand out what fits the form as a file, as JSON or CSV."""
    query, form = Query.of(request.query_params), request.path_params["form"]
    writers = {"json": (_as_json, "application/json"), "csv": (_as_csv, "text/csv")}
    if form not in writers:
        raise HTTPException(404)
    write, media_type = writers[form]
    entries = await asyncio.to_thread(_found, panel_of(request), query, EXPORTED)
    content = await asyncio.to_thread(write, entries)
    headers = {"Content-Disposition": f'attachment; filename="butler-{query.kind}.{form}"'}
    return Response(content, headers=headers, media_type=media_type)


def _found(panel: Panel, query: Query, limit: int) -> Sequence[Entry]:
    reader = RecordsReader(panel.config.data_dir / "records.sqlite3")
    if query.kind == "audit":
        return reader.audit(query.wanted, limit)
    return reader.ignored(query.wanted, limit)


def _as_json(entries: Sequence[Entry]) -> bytes:
    return json.dumps([each._asdict() for each in entries], indent=1).encode()


def _as_csv(entries: Sequence[Entry]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    if entries:
        writer.writerow(entries[0]._fields)
    writer.writerows([_cell(value) for value in each] for each in entries)
    return file.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    """Return a value as no spreadsheet takes it for a formula, whoever wrote it."""
    is_formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if is_formula else value

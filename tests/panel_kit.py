"""A panel without a daemon: what it knows is set by tests."""

from butler.core.overview import Overview, RunSummary
from butler.errors import UserError
from butler.web.guard import HOST

PORT = 17100
ORIGIN = f"http://{HOST}:{PORT}"


class FakeSource:
    """A daemon as far as the panel sees it; tests set what it knows and read what it was told."""

    def __init__(self):
        self.daemon = 4711
        self.overview = Overview([], [])
        self.known = []
        self.reports = {}
        self.said = []
        self.answers = ["Done that."]
        self.refusal = ""

    async def say(self, chat_id, text):
        self.said.append((chat_id, text))
        if self.refusal:
            raise UserError(self.refusal)
        return self.answers

    async def watched(self):
        yield self.overview

    async def runs(self, limit, before=None):
        return [each for each in self.known if before is None or each.number < before][:limit]

    async def report(self, number):
        return self.reports.get(number)

    async def close(self):
        pass


def post(client, path, **fields):
    """Send a form from a page of the panel."""
    return client.post(path, data=fields, headers={"origin": ORIGIN})


async def look(panel, source):
    """Let the panel see what its source knows."""
    await panel.live._look()
    await panel.live._show(is_watched=True, overview=source.overview, heard_at=1.0)
    await panel.live._read_runs()


def summary_of(number=7, **details):
    """A finished run."""
    known = {
        "chat_id": "team@g.us", "repo": "api", "agent": "claude", "person": "Anna",
        "state": "done", "prompt": "Fix it", "queued_at": 1.0, "started_at": 2.0, "ended_at": 5.0,
        "cost_usd": 0.25, "is_over": True,
    }  # fmt: skip
    return RunSummary(number, **known | details)

"""What the pages show and do, without a browser."""

import re
from pathlib import Path

import pytest

import butler.web
from butler.config import loading
from butler.core.overview import LiveRun, OpenInquiry, Overview, RunReport, Way
from butler.errors import DataError
from butler.records.model import Done, Ignored
from butler.records.sqlite import SqliteRecords
from butler.storage.rows import insert_rows
from butler_process import name_chat
from panel_kit import look, post, summary_of

TEMPLATES = Path(butler.web.__file__).with_name("templates")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
PATCH = """diff --git a/app.py b/app.py
index 1..2 100644
--- a/app.py
+++ b/app.py
@@ -1,2 +1,2 @@
-def old():
+def new():  # better
     return "<b>"
"""


run = summary_of


def question(**details):
    known = {
        "code": "a7", "chat_id": "team@g.us", "number": 7, "repo": "api",
        "wish": "Claude wants to run this command", "details": "rm -rf build",
        "ways": [Way("1 a7", "yes"), Way("3 a7", "no", True)], "asked_at": 3.0,
    }  # fmt: skip
    return OpenInquiry(**known | details)


@pytest.fixture
def records(panel):
    """Write entries of the records."""

    def written(*entries):
        kept = SqliteRecords(panel.config.data_dir / "records.sqlite3")
        with kept._database() as database, database.transaction() as db:
            insert_rows(db, "INSERT INTO ignored", [e for e in entries if isinstance(e, Ignored)])
            insert_rows(db, "INSERT INTO audit", [e for e in entries if isinstance(e, Done)])

    return written


async def test_now_shows_what_runs_and_what_it_does(owner, panel, source):
    live = run(state="running", is_over=False, ended_at=None)
    source.overview = Overview([LiveRun(live, "reading app.py", ["▢ test"])], [question()])
    source.known = [run(6, prompt="Earlier")]
    await look(panel, source)

    html = owner.get("/").text

    assert "reading app.py" in html
    assert "▢ test" in html
    assert "1 question waits" in html
    assert "Earlier" in html
    assert "not running; start it with: butler run" in html


async def test_what_happened_is_listed_newest_first_with_the_names_of_chats(
    owner, panel, source, records, config_path
):
    name_chat(config_path, "team@g.us", "Team")
    records(
        Done(10.0, "team@g.us", "+49151", "m1", "use", "api", "done", ""),
        Ignored(11.0, "x@g.us", "+49152", "m2", "not allowed", "nobody"),
    )
    await look(panel, source)

    html = owner.get("/").text

    assert html.index("not acted on, not allowed: nobody") < html.index("use api: done")
    assert "Team" in html


async def test_a_question_is_shown_whole_and_answered_in_its_chat(owner, panel, source):
    source.overview = Overview([], [question()])
    await look(panel, source)

    html = owner.get("/questions").text
    assert "rm -rf build" in html
    fields = {"do": "answer", "chat": "team@g.us", "code": "a7", "to": "/questions"}
    answer = post(owner, "/act", answer="1 a7", **fields)

    assert source.said == [("team@g.us", "1 a7")]
    assert answer.headers["location"] == "/questions"
    assert "Done that." in owner.get("/questions").text
    assert "Done that." not in owner.get("/questions").text


async def test_a_question_for_text_is_answered_with_its_code(owner, panel, source):
    source.overview = Overview([], [question(ways=[], hint="Write your answer.")])
    await look(panel, source)

    assert "Write your answer." in owner.get("/questions").text
    post(owner, "/act", do="answer", chat="team@g.us", code="a7", answer="/stop blue")

    assert source.said == [("team@g.us", "a7 /stop blue")]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"do": "stop", "run": "7"}, "/stop 7"),
        ({"do": "retry", "run": "7"}, "/retry 7"),
        ({"do": "undo", "run": "7"}, "/undo 7"),
        ({"do": "use", "repo": "api"}, "/use api"),
        ({"do": "clear"}, "/clear"),
        ({"do": "allow"}, "/allow"),
        ({"do": "allow", "whom": "+4915112345678"}, "/allow +4915112345678"),
        ({"do": "deny", "whom": "1@lid"}, "/deny 1@lid"),
    ],
)
def test_what_a_form_asks_for_is_a_command_in_the_chat(owner, source, fields, text):
    post(owner, "/act", chat="team@g.us", **fields)

    assert source.said == [("team@g.us", text)]


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "run", "prompt": "rm"},
        {"do": "stop"},
        {"do": "stop", "run": ""},
        {"do": "use", "repo": "api\n/run rm -rf"},
        {"do": "allow", "whom": "a b"},
        {"do": "answer", "code": "a7", "answer": " "},
        {},
    ],
)
def test_what_no_form_asks_for_is_not_done(owner, source, fields):
    post(owner, "/act", chat="team@g.us", **fields)

    assert source.said == []
    assert 'class="notice bad"' in owner.get("/").text


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_a_form_leads_to_no_other_site(owner, to):
    answer = post(owner, "/act", do="clear", chat="team@g.us", to=to)

    assert answer.headers["location"] == "/"


def test_a_refusal_is_shown_as_the_chat_would_be_told(owner, source):
    source.refusal = "Run 7 is not running in this chat."

    post(owner, "/act", do="stop", chat="team@g.us", run="7")

    assert "Run 7 is not running in this chat." in owner.get("/").text


@pytest.mark.parametrize("view", ["unified", "side"])
def test_a_run_is_shown_with_its_answer_and_its_coloured_changes(owner, source, view):
    source.reports[7] = RunReport(run(), "All *done*.", PATCH, 1_234)

    html = owner.get(f"/runs/7?view={view}").text

    assert "All <strong>done</strong>." in html
    assert "app.py" in html
    assert '<span class="k">def</span>' in html
    assert '<span class="s">&#34;&lt;b&gt;&#34;</span>' in html
    assert "$0.25" in html
    assert "1,234" in html
    assert "Undo its changes" in html


def test_the_largest_page_is_light_on_the_wire(owner, source):
    lines = "".join(f"+    value_{n} = compute({n}, 'some text', {n * n})\n" for n in range(2_000))
    patch = f"diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -0,0 +1,2000 @@\n{lines}"
    source.reports[7] = RunReport(run(), "Done.", patch)

    answer = owner.get("/runs/7?view=side")

    assert "There is more of it in the patch." in answer.text
    assert answer.num_bytes_downloaded <= 100_000


async def test_a_run_that_did_not_finish_can_be_run_again(owner, panel, source):
    source.known = [run(6, state="failed"), run(5)]
    await look(panel, source)

    html = owner.get("/").text

    assert "Run 6 again" in html
    assert "Run 5 again" not in html


async def test_the_machines_are_listed_where_there_are_several(owner, mocker, config_path, panel):
    assert "Machines" not in owner.get("/").text
    mocker.patch("butler.ops.workers.states", side_effect=DataError("Redis cannot be used."))
    config_path.write_text(f'{config_path.read_text()}\n[redis]\nurl = "redis://127.0.0.1:1"\n')
    config_path.chmod(0o600)
    object.__setattr__(panel, "config", loading.read(config_path))

    assert "Redis cannot be used." in owner.get("/").text


def test_the_patch_of_a_run_is_a_file(owner, source):
    source.reports[7] = RunReport(run(), patch=PATCH)

    answer = owner.get("/runs/7/patch")

    assert answer.text == PATCH
    assert answer.headers["content-disposition"] == 'attachment; filename="run-7.patch"'


def test_there_is_a_page_for_what_is_not_there(owner):
    assert owner.get("/runs/8").status_code == 404
    assert "The menu lists" in owner.get("/nope").text


def test_a_number_that_no_run_can_have_is_asked_of_nobody(owner, source):
    source.reports[10**20] = RunReport(run())

    assert owner.get(f"/runs/{10**20}").status_code == 404


def test_runs_come_in_pages(owner, source):
    source.known = [run(number) for number in range(60, 0, -1)]

    first = owner.get("/runs").text
    second = owner.get("/runs?before=11").text

    assert 'href="/runs?before=11"' in first
    assert '/runs/10"' in second
    assert '/runs/11"' not in second


def test_chats_show_their_repos_and_what_they_use(owner, source, panel):
    from butler.app import open_sessions

    with open_sessions(panel.config) as sessions:
        sessions.set_active_repo("team@g.us", "api", "/src/api")
    import time

    source.known = [run(queued_at=time.time())]

    html = owner.get("/chats").text

    assert "api" in html
    assert "1 runs, $0.25" in html


def test_while_redis_is_away_a_page_says_so_and_others_work(owner, config_path, panel):
    config_path.write_text(
        f'{config_path.read_text()}\n[sessions]\nstore = "redis"\n'
        '[redis]\nurl = "redis://127.0.0.1:1/0"\n'
    )
    config_path.chmod(0o600)  # it holds a secret now
    object.__setattr__(panel, "config", loading.read(config_path))

    answer = owner.get("/chats")

    assert answer.status_code == 503
    assert "127.0.0.1:1" in answer.text
    assert owner.get("/log").status_code == 200


ENTRIES = (
    Done(10.0, "team@g.us", "+49151", "m1", "use", "api", "done", "=cmd()"),
    Done(20.0, "other@g.us", "+49152", "m2", "stop", "", "refused", "run 7"),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"m1", "m2"}),
        ("chat=team@g.us", {"m1"}),
        ("text=REFUSED", {"m2"}),
        ("text=nothing", set()),
        ("since=1m", set()),
    ],
)
def test_the_audit_is_searched_and_exported(owner, records, query, found):
    records(*ENTRIES)

    address = f"/log/export.json?kind=audit&since=1970-01-01&{query}"
    entries = owner.get(address.replace("since=1970-01-01&since", "since")).json()

    assert {each["message_id"] for each in entries} == (found if "since=1m" not in query else set())


def test_a_cell_of_the_export_is_no_formula(owner, records):
    records(*ENTRIES)

    text = owner.get("/log/export.csv?kind=audit&since=1970-01-01").text

    assert text.splitlines()[0].startswith("time,chat_id,sender")
    assert "'=cmd()" in text
    assert "'+49151" in text


def test_a_wrong_time_is_said_on_the_page(owner):
    assert "write a time such as" in owner.get("/log?since=yesterday-ish").text


def test_what_is_not_acted_on_is_listed_with_its_rule(owner, records):
    records(Ignored(10.0, "x@g.us", "+49152", "m2", "not allowed", "nobody"))

    html = owner.get("/log?since=1970-01-01").text

    assert "not allowed" in html
    assert "nobody" in html


async def test_what_others_wrote_is_text_wherever_it_stands(
    owner, panel, source, records, config_path
):
    name_chat(config_path, "team@g.us", HOSTILE)
    records(
        Done(10.0, "team@g.us", HOSTILE, "m1", HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        Ignored(11.0, HOSTILE, HOSTILE, "m2", HOSTILE, HOSTILE),
    )
    bad = run(repo=HOSTILE, agent=HOSTILE, person=HOSTILE, state=HOSTILE, prompt=HOSTILE)
    source.overview = Overview(
        [LiveRun(bad, HOSTILE, [HOSTILE])],
        [question(wish=HOSTILE, details=HOSTILE, hint=HOSTILE, ways=[Way(HOSTILE, HOSTILE)])],
    )
    source.known = [bad]
    patch = PATCH.replace("app.py", "<script>.py").replace("old", HOSTILE)
    source.reports[7] = RunReport(bad, HOSTILE, patch, problem="")
    await look(panel, source)

    for path in ("/", "/questions", "/runs", "/runs/7", "/runs/7?view=side", "/chats", "/link",
                 "/log?since=1970-01-01", "/log?since=1970-01-01&kind=audit"):  # fmt: skip
        html = owner.get(path).text
        assert "<script>alert" not in html, path
        assert "<img" not in html, path
        assert "49" not in re.findall(r"onerror=alert\(1\)&gt;(\d+)", html), path


def test_no_template_shows_text_unescaped():
    for path in TEMPLATES.iterdir():
        text = path.read_text()
        assert "|safe" not in text.replace(" ", ""), path
        assert "autoescape false" not in text, path


def test_no_page_has_a_script_or_a_style_of_its_own():
    for path in TEMPLATES.iterdir():
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", text), path


class TestOnlyToLookAt:
    @pytest.fixture
    def is_read_only(self):
        return True

    async def test_nothing_can_be_done(self, owner, panel, source):
        source.overview = Overview([LiveRun(run(is_over=False), "")], [question()])
        await look(panel, source)

        assert "<button" not in owner.get("/").text.replace("<button>Sign out", "")
        assert "<button" not in owner.get("/questions").text.replace("<button>Sign out", "")
        assert post(owner, "/act", do="stop", chat="a", run="1").status_code in {404, 405}
        assert owner.get("/try").status_code == 404
        assert source.said == []

    def test_the_page_says_so(self, owner):
        assert "--read-only" in owner.get("/").text

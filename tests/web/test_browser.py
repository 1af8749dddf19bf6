"""The panel in a real browser: what only a browser can show."""

import asyncio
import io
import json
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import zxingcpp
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

from butler.app import read_setup
from butler.ops.control import answering
from butler.ops.door import Door
from butler.storage.files import locked, private_folder
from butler.testing import OWNER, Chat, make_working_copy, open_chat
from butler.testing.agents import scripted_agent
from butler.web.guard import FALLBACK_HOST, HOST
from butler.web.panel import Panel
from butler.web.server import _listening, _panel, _server
from butler_process import PATIENCE_S
from whatsapp_server import WhatsAppServer

CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).with_name("axe") / "axe.min.js"
HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(2)</script>\"'>{{7*7}}\u202e javascript:alert(3)"
)

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs Debian's chromium: apt-get install chromium"
    ),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(4 * PATIENCE_S),
]
expect.set_options(timeout=PATIENCE_S * 1000)


@dataclass
class Site:
    """A panel on its port, the bot behind it, and what the browser complained of."""

    browser: Browser
    panel: Panel
    chat: Chat
    folder: Path
    port: int
    complaints: list[str]

    @property
    def origin(self):
        return f"http://{HOST}:{self.port}"

    @property
    def link(self):
        return f"{self.origin}/sign-in#{self.panel.doorkeeper.new_token()}"

    async def page(self, **options) -> Page:
        """A page of the owner, who has come by the link."""
        context = await self.browser.new_context(**options)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self._note(said.type, said.text))
        if options.get("java_script_enabled", True):
            await page.goto(self.link)
        else:
            await page.goto(f"{self.origin}/sign-in")
            await page.fill("[name=token]", self.link)
            await page.click("button")
        await page.wait_for_url(f"{self.origin}/")
        return page

    def _note(self, kind, text):
        if kind in {"error", "warning"} and "Failed to load resource" not in text:
            self.complaints.append(text)

    def script(self, *turns):
        """Let the agent do this."""
        (self.folder / "acp-script.json").write_text(json.dumps({"turns": [list(turns)]}))

    async def asks(self, command="rm -rf build"):
        """Let a run ask whether it may run a command."""
        self.script(
            {
                "ask": {"command": command},
                "then": [{"say": "I did."}],
                "else": [{"say": "I did not."}],
            }
        )
        await self.chat("/run tidy up")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with async_playwright() as playwright:
        options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
        async with await playwright.chromium.launch(**options) as browser:
            yield browser


def configuration(folder):
    command = scripted_agent("acp", folder, {"turns": [[{"say": "Done."}]]})
    make_working_copy(folder / "api")
    path = folder / "butler.toml"
    path.touch(0o600)
    path.write_text(
        f'data_dir = "{folder}/data"\nrepos.api.path = "{folder}/api"\n'
        f'[access]\nowners = ["{OWNER}"]\nchats = ["team@g.us"]\n'
        '[plugins.run]\nsandbox = "off"\nagent = "scripted"\nmax_runs_per_hour = 100\n'
        f"[plugins.run.agents.scripted]\ncommand = {json.dumps(command)}\n"
    )
    return path


@asynccontextmanager
async def serving(config, path):
    """Serve a panel; yield it and its port."""
    panel = _panel(config, path, is_read_only=False)
    with _listening(0) as listener:
        port = listener.getsockname()[1]
        server = _server(panel, port)
        async with panel.live.kept_up_to_date():
            task = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield panel, port
            finally:
                server.should_exit = True
                await task
                await panel.linking.close()
                await panel.console.close()


@pytest_asyncio.fixture(loop_scope="module")
async def site(browser, tmp_path, mocker, monkeypatch):
    mocker.patch("butler_run.permissions.questions.HASTE_S", -60.0)
    monkeypatch.chdir(tmp_path)
    path = configuration(tmp_path)
    setup = read_setup(path)
    data = private_folder(setup.config.data_dir)
    with locked(data / "daemon.lock", "Another Butler"):
        async with open_chat(setup) as chat:
            door = Door(setup.plugins.values(), chat.bot)
            async with answering(data, chat.bot.ask, door), serving(setup.config, path) as served:
                await chat("/use api")
                site = Site(browser, served[0], chat, tmp_path, served[1], [])
                yield site
                for context in browser.contexts:
                    await context.close()


async def test_the_link_lets_in_once_and_leaves_no_trace(site):
    page = await site.page()
    link = site.link
    other = await (await site.browser.new_context()).new_page()
    await other.goto(link)
    await other.wait_for_url(f"{site.origin}/")
    again = await (await site.browser.new_context()).new_page()
    await again.goto(link)

    await expect(again.get_by_role("alert")).to_contain_text("was used already")
    assert "#" not in page.url + again.url
    assert await page.evaluate("document.cookie") == ""


async def test_progress_and_messages_appear_without_reload(site):
    page = await site.page()
    await page.evaluate("window.stays = true")
    await site.asks()

    card = page.get_by_role("article")
    await expect(card).to_contain_text("waiting for an answer")
    await expect(card).to_contain_text("tidy up")
    await site.chat("yes")
    await expect(page.get_by_text("Nothing is in progress.")).to_be_visible()
    await expect(page.get_by_role("region", name="Runs", exact=True)).to_contain_text("done")
    assert await page.evaluate("window.stays")


async def test_a_question_is_answered_by_a_click(site):
    page = await site.page()
    await page.goto(f"{site.origin}/questions")
    await site.asks("rm -rf 'build' && echo $HOME")

    await expect(page.get_by_role("article")).to_contain_text("rm -rf 'build' && echo $HOME")
    await page.get_by_role("button", name="yes", exact=True).click()

    await expect(page.get_by_text("No agent waits for an answer.")).to_be_visible()
    await until(lambda: any("I did." in each.reply.text for each in site.chat.transport.sent))
    assert "panel" in {each.sender for each in site.chat.records.audit}


async def test_a_question_that_the_chat_answers_goes(site):
    page = await site.page()
    await page.goto(f"{site.origin}/questions")
    await site.asks()
    await expect(page.get_by_role("article")).to_be_visible()

    await site.chat("no")

    await expect(page.get_by_text("No agent waits for an answer.")).to_be_visible()


async def test_a_question_is_answered_by_keys_alone(site):
    page = await site.page()
    await page.goto(f"{site.origin}/questions")
    await site.asks()
    await expect(page.get_by_role("article")).to_be_visible()

    for _ in range(40):
        await page.keyboard.press("Tab")
        focused = await page.evaluate("document.activeElement.textContent")
        if focused == "no":
            break
    await page.keyboard.press("Enter")

    await until(lambda: any("I did not." in each.reply.text for each in site.chat.transport.sent))


async def test_typing_is_not_disturbed_by_what_happens(site):
    page = await site.page()
    await page.goto(f"{site.origin}/questions")
    site.script({"inquire": [{"question": "Which colour?", "options": []}]}, {"say": "{answers}"})
    await site.chat("/run paint")
    await page.get_by_label("Write your answer.").type("very dark ")

    await site.panel.live._show(problem="Something else happened.")
    await site.panel.live._show(problem="")
    await page.wait_for_timeout(1_500)
    await page.get_by_label("Write your answer.").type("blue")
    await page.keyboard.press("Enter")

    await until(lambda: any("very dark blue" in e.reply.text for e in site.chat.transport.sent))


async def test_what_a_run_did_is_seen_and_undone(site):
    site.script({"write": "new.txt", "content": "one\n"}, {"say": "Written."})
    await site.chat("/run write")
    await until(lambda: any("Written." in each.reply.text for each in site.chat.transport.sent))
    made = site.folder / "api" / "new.txt"
    page = await site.page()
    await page.get_by_role("link", name="1", exact=True).click()
    await expect(page.get_by_text("Written.")).to_be_visible()
    await expect(page.get_by_role("table", name="Changes of new.txt")).to_contain_text("+one")
    assert made.exists()

    await page.get_by_role("button", name="Undo its changes").click()

    await expect(page.get_by_role("status")).to_contain_text("was undone: new.txt")
    assert not made.exists()


async def test_all_works_without_javascript(site):
    page = await site.page(java_script_enabled=False)
    await site.asks()
    await until(lambda: site.panel.live.snapshot.overview.inquiries)
    await page.goto(f"{site.origin}/questions")
    await expect(page.get_by_role("article")).to_contain_text("rm -rf build")

    await page.get_by_role("button", name="yes", exact=True).click()

    await expect(page.get_by_role("status")).to_contain_text("Done.")
    await until(lambda: any("I did." in each.reply.text for each in site.chat.transport.sent))


PAGES = ("/", "/questions", "/runs", "/runs/1", "/runs/1?view=side", "/chats",
         "/log?kind=audit", "/log", "/figures", "/link", "/try", "/nope")  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def filled(site):
    """A site with something on every page: a run that changed a file, and one that asks."""
    site.script({"write": "new.py", "content": "x = 'a long line' * 9\n" * 9}, {"say": "Written."})
    await site.chat("/run write")
    await until(lambda: any("Written." in each.reply.text for each in site.chat.transport.sent))
    await site.asks("x" * 300)
    await until(lambda: site.panel.live.snapshot.overview.inquiries)
    return site


async def test_no_page_has_a_barrier_or_scrolls_sideways(filled):
    page = await filled.page()
    for path in ("/sign-in", *PAGES, "/check"):
        await page.goto(f"{filled.origin}{path}")
        for width in (360, 320):  # a phone, and a window of 1280 zoomed to 400 %
            await page.set_viewport_size({"width": width, "height": 640})
            wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, (path, width)
        await page.evaluate(AXE.read_text())
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found = await page.evaluate("axe.run()")
            barriers = [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]]
            assert barriers == [], (path, scheme)


async def test_what_others_wrote_runs_nothing_and_breaks_no_rule(site):
    site.script(
        {"tool": HOSTILE},
        {"write": "<img src=x onerror=alert(1)>.html", "content": f"{HOSTILE}\n"},
        {"say": HOSTILE},
    )
    await site.chat(f"/run {HOSTILE}", name=HOSTILE)
    await until(lambda: len(site.chat.transport.sent) > 2)
    await site.asks(HOSTILE)
    await until(lambda: site.panel.live.snapshot.overview.inquiries)
    page = await site.page()
    page.on("dialog", lambda dialog: site.complaints.append(dialog.message))
    for path in PAGES:
        await page.goto(f"{site.origin}{path}")
        await page.wait_for_timeout(300)
        assert await page.locator("img, main script, iframe").count() == 0, path

    assert site.complaints == []


async def test_another_name_for_this_machine_gets_nothing(site):
    async with async_playwright() as playwright:
        rules = "--host-resolver-rules=MAP evil.example 127.0.0.1"
        options = {"executable_path": CHROMIUM, "args": ["--no-sandbox", rules]}
        async with await playwright.chromium.launch(**options) as browser:
            page = await browser.new_page()
            answer = await page.goto(f"http://evil.example:{site.port}/sign-in")

    assert answer.status == 421


async def test_another_service_on_this_machine_does_not_get_the_cookie(site):
    page = await site.page()
    heads = []

    async def other(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(other, FALLBACK_HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        await page.goto(f"http://{FALLBACK_HOST}:{port}/")

    assert "cookie" not in heads[0].lower()


async def test_a_page_says_so_when_it_hears_nothing_and_tries_again(site):
    page = await site.page()
    await page.clock.install()
    await page.route("**/stream", lambda route: route.abort())
    await page.reload()
    await page.clock.fast_forward(15_000)
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was heard since")

    await page.unroute("**/stream")
    await page.clock.fast_forward(2_000)

    await expect(page.get_by_role("alert")).to_be_hidden()


async def test_the_bot_can_be_tried_in_a_chat_window(site):
    page = await site.page()
    await page.goto(f"{site.origin}/try")
    await page.get_by_role("textbox", name="Message").fill("/repos")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("list", name="Messages")).to_contain_text("api")
    await expect(page.get_by_role("textbox", name="Message")).to_have_value("")


@pytest.mark.wire
async def test_an_account_is_linked_by_the_code_on_the_screen(browser, tmp_path, monkeypatch):
    async with WhatsAppServer() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        path = configuration(tmp_path)
        config = read_setup(path).config
        async with serving(config, path) as (panel, port):
            site = Site(browser, panel, None, tmp_path, port, [])
            page = await site.page()
            await page.goto(f"{site.origin}/link")
            await page.get_by_role("button", name="Show a QR code").click()
            code = page.get_by_role("img", name="QR code to scan with WhatsApp")
            await expect(code).to_be_visible()
            (seen,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(await page.screenshot())))
            await server.scan(seen.text)

            await expect(page.get_by_text("Linked as +")).to_be_visible()
            await page.context.close()


async def until(holds):
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what happens in a browser sets no event
            await asyncio.sleep(0.05)


async def test_the_port_is_open_on_loopback_alone(site):
    with _listening(0) as listener:
        assert listener.getsockname()[0] == FALLBACK_HOST

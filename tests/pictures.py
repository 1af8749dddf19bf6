"""Makes the README's pictures from the panel, `make pictures`: nobody draws or cuts them by hand.

A real panel and a real bot work in a copy of the demo repo; only the agent plays a script.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from butler.testing.agents import scripted_agent

TOP = Path(__file__).parents[1]
PICTURES = TOP / "docs" / "pictures"
SIZE = {"width": 900, "height": 700}
PHONE = {"width": 412, "height": 800}
LIMIT_MS = 60_000
READING_MS = 2_500
"""Sooner than two seconds after a question, nobody can have read it."""

OLD = "def words(text):\n    return len(text.split())\n"
NEW = (
    "import re\n\n\ndef words(text):\n"
    '    """Count words, also those with a hyphen."""\n'
    '    return len(re.findall(r"[\\w-]+", text))\n'
)
SCRIPT = {
    "turns": [
        [
            {"todos": [["Read count.py", "completed"], ["Count hyphens", "in_progress"]]},
            {
                "ask": {"path": "count.py", "old": OLD, "new": NEW},
                "then": [{"say": "Words with a hyphen count as one now, and the tests pass."}],
                "else": [{"say": "I left it as it was."}],
            },
        ]
    ]
}


def prepare(folder: Path) -> Path:
    """Make a repo with an agent for it; return the configuration."""
    repo = folder / "demo"
    repo.mkdir()
    (repo / "count.py").write_text(OLD)
    git = ["git", "-C", str(repo), "-c", "user.name=Butler", "-c", "user.email=butler@localhost"]
    for arguments in (["init", "-qb", "main"], ["add", "-A"], ["commit", "-qm", "Count words"]):
        subprocess.run([*git, *arguments], check=True)
    command = scripted_agent("acp", folder, SCRIPT)
    config = folder / "config.toml"
    config.touch(0o600)
    config.write_text(
        f'data_dir = "{folder}/data"\nrepos.demo.path = "{repo}"\n'
        'repos.demo.description = "Counts words"\n[plugins.run]\nsandbox = "off"\n'
        f'agent = "claude"\n[plugins.run.agents.claude]\nkind = "acp"\n'
        f"command = {json.dumps(command)}\n"
    )
    return config


def say(page: Page, text: str, answer: str) -> None:
    """Write in the chat window, and wait for a word of the answer."""
    page.get_by_role("textbox", name="Message").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Messages")).to_contain_text(answer, timeout=LIMIT_MS)


def draw(link: str) -> None:
    """Talk to the bot behind a link, and take the pictures."""
    origin = link.partition("/sign-in")[0]
    with sync_playwright() as playwright:
        options = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
        with playwright.chromium.launch(**options) as browser:
            page = browser.new_page(viewport=SIZE)
            page.goto(link)
            page.wait_for_url(f"{origin}/")
            page.goto(f"{origin}/try")
            say(page, "/use demo", "on branch main")
            say(page, "/run count words with a hyphen as one", "wants to")
            page.wait_for_timeout(READING_MS)
            say(page, "yes", "count as one now")
            page.wait_for_timeout(500)
            page.set_viewport_size(PHONE)
            page.get_by_role("list", name="Messages").screenshot(path=PICTURES / "chat.png")
            page.set_viewport_size(SIZE)
            page.goto(f"{origin}/runs/1?view=side")
            expect(page.get_by_role("table")).to_be_visible(timeout=LIMIT_MS)
            page.screenshot(path=PICTURES / "run.png", full_page=True)


def main() -> None:
    """Make the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "butler", "panel", "--no-browser", "--config"]
        config = prepare(Path(folder))
        with subprocess.Popen([*command, str(config)], stdout=subprocess.PIPE, text=True) as panel:
            try:
                draw(panel.stdout.readline().strip())
            finally:
                panel.terminate()


if __name__ == "__main__":
    main()

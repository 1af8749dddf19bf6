"""What the known agents get of the home folder."""

import json
import re
import subprocess

import pytest

from butler import Repo
from butler_run.agents import PRESETS
from butler_run.sandbox import places
from butler_run.sandbox.boundary import Boundary
from butler_run.sandbox.enclosures import Enclosures, Surroundings


@pytest.fixture
def inside(outside, api, home):
    """Run a shell script in the sandbox that a preset gets; return what it wrote."""
    enclosures = Enclosures(Surroundings(outside / "data", outside / "butler.toml", []))

    async def ran(preset, script):
        boundary = Boundary(home=PRESETS[preset].home)
        enclosure = enclosures.of_run(Repo("api", api), api, boundary)
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
        command = ["/bin/sh", "-c", f"exec 2>&1\n{script}"]
        async with enclosure.around(command, folder=api, environment=environment) as launch:
            return subprocess.run(
                launch.command, env=launch.environment, capture_output=True, text=True, check=False
            ).stdout

    return ran


async def test_claude_gets_its_login_its_settings_and_this_repos_conversations(
    inside, written, home, api
):
    encoded = re.sub("[^a-zA-Z0-9]", "-", str(api))
    login = written(".claude/.credentials.json", "login")
    settings = written(".claude/settings.json", "settings")
    written(f".claude/projects/{encoded}/old.jsonl", "what was said here")
    written(".claude/projects/-srv-other/old.jsonl", "what was said elsewhere")
    written(".claude/history.jsonl", "what was said elsewhere")
    state = {"user": "Anna", "projects": {str(api): {"n": 1}, "/srv/other": {"said": "elsewhere"}}}
    written(".claude.json", state)

    said = await inside(
        "claude",
        f"cd ~ && find . -type f | sort; echo own > .claude/settings.json; "
        f"echo new > .claude/.credentials.json; echo new > .claude/projects/{encoded}/new.jsonl; "
        "cat .claude.json; echo new > .claude.json; mkdir .claude/hooks",
    )

    assert said.splitlines()[:4] == [
        "./.claude.json",
        "./.claude/.credentials.json",
        f"./.claude/projects/{encoded}/old.jsonl",
        "./.claude/settings.json",
    ]
    assert "elsewhere" not in said
    assert settings.read_text() == "settings"
    assert login.read_text() == "new\n"
    assert (home / ".claude" / "projects" / encoded / "new.jsonl").read_text() == "new\n"
    assert f'{{"user": "Anna", "projects": {{"{api}": {{"n": 1}}}}}}' in said
    assert json.loads((home / ".claude.json").read_text()) == state
    assert not (home / ".claude" / "hooks").exists()


@pytest.mark.parametrize(
    ("preset", "login", "settings", "state"),
    [
        ("codex", ".codex/auth.json", ".codex/config.toml", ".codex/sessions.sqlite"),
        ("gemini", ".gemini/oauth_creds.json", ".gemini/settings.json", ".gemini/projects.json"),
        ("gemini", ".gemini/gemini-credentials.json", ".gemini/settings.json", ".gemini/projects"),
        (
            "opencode",
            ".local/share/opencode/auth.json",
            ".config/opencode/opencode.json",
            ".local/share/opencode/state.db",
        ),
    ],
)
async def test_others_get_login_and_settings_and_a_folder_of_their_own_for_each_repo(
    inside, written, home, preset, login, settings, state
):
    written(login, "login")
    written(settings, "settings")
    written(state, "what was said elsewhere")

    first = await inside(
        preset,
        f"cd ~; cat {login} {settings} {state}; echo new > {login}; echo new > {settings}; "
        f"echo here > {state}",
    )
    second = await inside(preset, f"cat ~/{state}")

    assert first.startswith("loginsettings")
    assert "elsewhere" not in first
    assert "Read-only file system" in first
    assert (home / login).read_text() == "new\n"
    assert (home / settings).read_text() == "settings"
    assert second == "here\n"
    assert (home / state).read_text() == "what was said elsewhere"


async def test_settings_that_the_user_has_not_cannot_be_made_for_them(inside, home):
    await inside("codex", "echo 'own' > ~/.codex/config.toml")
    await inside("claude", "mkdir -p ~/.claude/skills && touch ~/.claude/settings.json")

    assert not (home / ".codex").exists()
    assert [each.name for each in (home / ".claude").iterdir()] == ["projects"]


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("codex", ".codex/config.toml"),
        ("codex", ".codex/hooks/x"),
        ("gemini", ".gemini/settings.json"),
        ("gemini", ".gemini/trustedFolders.json"),
        ("gemini", ".gemini/extensions/x/gemini-extension.json"),
        ("opencode", ".config/opencode/opencode.jsonc"),
        ("opencode", ".config/opencode/plugins/x.js"),
    ],
)
async def test_no_run_leaves_settings_behind_that_the_next_one_obeys(inside, preset, settings):
    made = await inside(
        preset, f"cd ~; mkdir -p $(dirname {settings}); echo made > {settings}; cat {settings}"
    )

    assert made == "made\n"
    assert "No such file" in await inside(preset, f"cat ~/{settings}")


async def test_a_link_that_a_run_left_in_place_of_its_settings_leads_nowhere(inside, outside):
    (outside / "other").mkdir()
    (outside / "other" / "kept").touch()
    await inside("codex", f"ln -s {outside}/other ~/.codex/prompts")
    await inside("codex", "true")

    assert (outside / "other" / "kept").exists()


@pytest.mark.parametrize("names", [("a", "a/b"), ("z", "z/b"), ("homes", "homes/anna")])
async def test_a_home_folder_of_the_user_below_another_one_starts_all_the_same(
    inside, outside, mocker, names
):
    above, below = (outside / name for name in names)
    below.mkdir(parents=True)
    (below / "secret").write_text("hush")
    mocker.patch.object(places, "_HOMES", (above, below))
    mocker.patch.object(places, "_home_of_user", return_value=below)

    assert await inside("claude", f"ls {above}; echo end") == "end\n"

"""Agents that are not there, break off, or go too far: the chat is told in a sentence."""

import json
import math
import sys
from pathlib import Path

import pytest

from butler.app import read_setup
from butler.errors import TransportError
from butler.testing import open_chat
from butler.testing.agents import scripted_agent

OF_THE_AGENT = "[plugins.run.agents.shout]"


@pytest.fixture
def limited(butler_toml, tmp_path):
    """Open a chat whose agent has a limit."""

    def opened(limit):
        path = tmp_path / "butler.toml"
        path.write_text(butler_toml.replace(OF_THE_AGENT, f"{limit}\n{OF_THE_AGENT}"))
        return open_chat(read_setup(path))

    return opened


async def test_an_agent_that_is_not_installed_says_how_to_get_it(chat, run):
    await chat("/use api")
    assert await chat("/agent codex") == [
        "This chat now uses *codex*. codex-acp is not installed, so /run cannot use it. "
        "To get it: npm install -g @agentclientprotocol/codex-acp@2.6.0"
    ]

    assert (await run(chat)).startswith(
        "codex-acp is not installed on the machine that runs Butler. "
        "To get it: npm install -g @agentclientprotocol/codex-acp@2.6.0\n/retry 1 runs it again.\n"
    )


async def test_an_agent_that_is_not_logged_in_says_so_and_what_to_do(chat, script, run):
    script["logged_in"] = False
    script.turns({"say": "Done."})
    await chat("/use api")

    text = await run(chat)
    assert (
        " is not logged in on this machine: log in with it there. /retry 1 runs it again." in text
    )


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (
            [{"stderr": "no licence"}, {"crash": 4}],
            "status 4: no licence\n/retry 1 runs it again.\n",
        ),
        (
            [{"garbage": "Welcome!", "times": 50}, {"hang": True}],
            "does not speak the expected protocol",
        ),
    ],
    ids=["dies at once", "speaks something else"],
)
async def test_an_agent_that_does_not_come_up_says_why(chat, script, run, wait_for, before, said):
    script["before"] = before
    script.turns({"say": "Done."})
    await chat("/use api")

    assert said in await run(chat)
    await wait_for(chat, "Run 1 in *api*: failed")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"crash": 3}, "3"),
        ({"fail": "Something is off", "details": "the cause"}, "the cause"),
    ],
)
async def test_an_agent_that_breaks_off_says_why(chat, script, step, said, wait_for, run):
    script.turns({"say": "I begin."}, step)
    await chat("/use api")
    text = await run(chat)

    assert text.startswith("I begin.")
    assert said in text
    await wait_for(chat, "Run 1 in *api*: failed")


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (
            [{"say": "API Error: 529 Over"}, {"say": "loaded. Try again in a moment."}],
            "The model of {agent} is overloaded at the moment. /retry 1 runs it again.\n\n",
        ),
        (
            [{"say": "Invalid API key · Please run /login"}],
            "{agent} is not logged in on this machine: log in with it there. "
            "/retry 1 runs it again.\n\n",
        ),
        (
            [{"say": "API Error: 500"}],
            "{agent} failed: API Error: 500. /retry 1 runs it again.\n\n",
        ),
        (
            [{"say": "I look."}, {"tool": "Read"}, {"say": "Credit balance is too low"}],
            "I look.\n\nThe account of {agent} has no credit left. /retry 1 runs it again.\n\n",
        ),
        (
            [{"say": "Credit balance is too low"}, {"tool": "Read"}],
            "Credit balance is too low\n\n",
        ),
        ([{"say": "Prompt is too long"}], "This conversation has become too long for the model."),
    ],
)
async def test_an_error_that_an_agent_gives_for_an_answer_fails_the_run(
    chat, script, run, steps, text
):
    script.turns(*steps)
    await chat("/use api")

    assert (await run(chat)).startswith(text.format(agent=Path(sys.executable).name))


async def test_a_bug_in_a_run_is_said_and_the_next_one_goes(chat, script, run, wait_for, mocker):
    script.turns({"say": "Done."})
    mocker.patch("butler_run.runs.run.Run.carry_out", side_effect=RuntimeError)
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "Run 1 failed on my side. The log has the details.")
    mocker.stopall()

    assert (await run(chat)).startswith("Done.")
    assert " failed, " in (await chat("/runs"))[0].split("\n")[1]


async def test_a_message_that_cannot_be_sent_does_not_end_the_run(chat, script, run, mocker):
    send = chat.transport.send

    async def send_no_edits(chat_id, reply):
        if reply.edits:
            raise TransportError("The link is gone.")
        return await send(chat_id, reply)

    mocker.patch.object(chat.transport, "send", send_no_edits)
    script.turns({"say": "Done."})
    await chat("/use api")

    assert (await run(chat)).startswith("Done.")


@pytest.mark.parametrize(
    ("limit", "steps", "said"),
    [
        ('time_limit = "1s"', [{"wait": True}], "The run took longer than 1 s and was stopped."),
        (
            'silence_limit = "1s"',
            [{"say": "I begin."}, {"wait": True}],
            "The agent was silent for 1 s and was stopped.",
        ),
        (
            "max_output_mb = 1",
            [{"flood_bytes": 10_000_000}],
            " wrote more than 1 MB of output and was stopped.",
        ),
    ],
    ids=["time", "silence", "output"],
)
async def test_a_limit_ends_the_run_and_is_said(limited, script, run, limit, steps, said):
    script.turns(*steps)
    async with limited(limit) as chat:
        await chat("/use api")

        assert said in await run(chat)
        assert " failed, " in (await chat("/runs"))[0]


async def test_a_repo_may_have_limits_of_its_own(butler_toml, tmp_path, script, run):
    path = tmp_path / "butler.toml"
    path.write_text(f'repos.web.time_limit = "1s"\nrepos.api.max_output_mb = 1\n{butler_toml}')
    async with open_chat(read_setup(path)) as chat:
        script.turns({"wait": True})
        await chat("/use web")
        assert "The run took longer than 1 s" in await run(chat)
        script.turns({"flood_bytes": 10_000_000})
        await chat("/use api")
        assert "wrote more than 1 MB of output" in await run(chat)


@pytest.mark.parametrize(
    ("of_agent", "of_repo", "mode"),
    [
        ("", "", "default"),
        ('mode = "edits"', "", "acceptEdits"),
        ('mode = "edits"', 'repos.api.mode = "ask"', "default"),
        ("", 'repos.api.mode = "plan"', "plan"),
        ('mode = "bypass"', "", "bypassPermissions"),
    ],
)
async def test_an_agent_may_do_without_asking_what_is_written_and_no_more(
    butler_toml, tmp_path, script, run, of_agent, of_repo, mode
):
    path = tmp_path / "butler.toml"
    changed = butler_toml.replace(OF_THE_AGENT, f"{of_agent}\n{OF_THE_AGENT}")
    path.write_text(f"{of_repo}\n{changed}")
    script["modes"] = ["default", "acceptEdits", "plan", "bypassPermissions"]
    script.turns({"say": "{mode}"})
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")

        assert (await run(chat)).startswith(f"{mode}\n")


NO_ANSWERS = [
    '{"id":2,"error":"boom"}',
    '{"jsonrpc":"2.0","id":2,"error":"boom"}',
    '{"level":"info","id":["a"]}',
    '{"level":"info","id":2}',
    '{"jsonrpc":"2.0","id":{"a":1},"result":{}}',
    '{"jsonrpc":"2.0","id":true,"result":{}}',
    '{"jsonrpc":"2.0","id":2}',
    '{"method":["session/update"],"params":{}}',
    '{"jsonrpc":"2.0","method":"session/update","params":{"update":[]}}',
]


@pytest.mark.parametrize("line", NO_ANSWERS)
async def test_a_line_that_is_no_answer_is_passed_over(chat, script, run, line):
    script.turns({"garbage": line}, {"say": "Done."})
    await chat("/use api")

    assert (await run(chat)).startswith("Done.")


@pytest.fixture
def of_claude(butler_toml, tmp_path, script):
    """Return the configuration with Claude's own command, which plays the same script."""
    command = scripted_agent("claude", tmp_path, {"turns": [[{"say": "Done."}]]})
    script.turns({"say": "Done."})
    agent = f'[plugins.run.agents.claude]\nkind = "claude"\ncommand = {json.dumps(command)}\n'
    return butler_toml + agent


@pytest.mark.parametrize("agent", ["scripted", "claude"])
@pytest.mark.parametrize(
    ("tokens", "cost_usd"),
    [(10**400, 0.5), (2**63, 10**400), (1, math.nan), (1, math.inf)],
    ids=["many tokens", "a high cost", "no number", "without end"],
)
async def test_numbers_beyond_measure_end_no_run(of_claude, tmp_path, run, agent, tokens, cost_usd):
    (tmp_path / "butler.toml").write_text(of_claude)
    async with open_chat(read_setup(tmp_path / "butler.toml")) as chat:
        await chat("/use api")
        await chat(f"/agent {agent}")
        _play(tmp_path, agent, {"usage": {"tokens": tokens, "cost_usd": cost_usd}})

        assert (await run(chat)).startswith("Done.")
        assert "1 run" in (await chat("/context"))[0]


@pytest.mark.parametrize("agent", ["scripted", "claude"])
async def test_a_run_that_costs_less_than_nothing_spares_no_budget(of_claude, tmp_path, run, agent):
    (tmp_path / "butler.toml").write_text(
        of_claude.replace("max_queued = 2", "max_queued = 2\nmax_cost_usd_per_day = 1")
    )
    async with open_chat(read_setup(tmp_path / "butler.toml")) as chat:
        await chat("/use api")
        await chat(f"/agent {agent}")
        for cost_usd in (-1_000.0, 1.5):
            _play(tmp_path, agent, {"usage": {"tokens": -1, "cost_usd": cost_usd}})
            await run(chat)

        (refused,) = await chat("/run once more")

        assert refused.startswith("This chat has used up its US dollars of 24 hours (1.5 of 1).")


def _play(folder, agent, step):
    name = {"scripted": "acp"}.get(agent, agent)
    script = {"turns": [[step, {"say": "Done."}]]}
    (folder / f"{name}-script.json").write_text(json.dumps(script))


@pytest.mark.parametrize("line", NO_ANSWERS[:3])
async def test_a_run_that_is_never_answered_can_be_stopped(chat, script, wait_for, line):
    script.turns({"garbage": line}, {"say": "x"}, {"hang": True})
    await chat("/use api")
    await chat("/run do it")
    await wait_for(chat, "writing")

    (said,) = await chat("/stop")

    assert said.endswith(". No files changed.")
    await wait_for(chat, "Run 1 in *api*: stopped")


async def test_an_agent_that_closes_its_output_and_stays_is_left(chat, script, run):
    script.turns({"close_output": True}, {"hang": True})
    await chat("/use api")

    assert "closed its output before it had answered." in await run(chat)


async def test_the_status_shows_that_the_agent_tries_again(chat, script, wait_for, mocker):
    mocker.patch("butler_run.runs.progress.EDIT_EVERY_S", 0.0)
    retry = {"attempt": 3, "of": 10, "delay_s": 8, "error": "overloaded"}
    script.turns({"retry": retry}, {"wait": True})
    await chat("/use api")

    await chat("/run x")

    await wait_for(chat, "the model is overloaded, tries again 3 of 10 in 8 s")
    await chat("/stop")

"""The boundary of runs as a user configures it: for all, for an agent, for a repo."""

import socket

import pytest

ALL, AGENT, REPO = "[plugins.run]\n", "[plugins.run.agents.shell]\n", "repos.api."


def configured(toml, place, key):
    return f"{REPO}{key}\n{toml}" if place == REPO else toml.replace(place, f"{place}{key}\n")


@pytest.mark.parametrize("place", [ALL, AGENT, REPO])
async def test_a_limit_holds_wherever_it_is_configured(shell_with, butler_toml, outside, place):
    toml = configured(butler_toml, place, "max_file_mb = 1")

    async with shell_with(toml, outside / "butler.toml") as shell:
        said = await shell("head -c 3000000 /dev/zero > big; wc -c < big")

    assert "Cut off at the maximum size of a file: big." in said


@pytest.mark.parametrize("place", [ALL, AGENT, REPO])
async def test_no_network_holds_wherever_it_is_configured(shell_with, butler_toml, outside, place):
    toml = configured(butler_toml, place, 'network = "off"')

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach = f"bash -c 'echo > /dev/tcp/127.0.0.1/{port}' && echo reached; echo end"
        async with shell_with(butler_toml, outside / "open.toml") as shell:
            with_network = await shell(reach)
        async with shell_with(toml, outside / "butler.toml") as shell:
            without = await shell(reach)

    assert "reached" in with_network
    assert "reached" not in without
    assert "end" in without


@pytest.mark.parametrize("place", [ALL, AGENT, REPO])
async def test_no_sandbox_is_chosen_wherever_it_is_configured(
    shell_with, butler_toml, outside, place
):
    toml = configured(butler_toml, place, 'sandbox = "off"')

    async with shell_with(toml, outside / "butler.toml") as shell:
        said = await shell(f"cat {outside}/other/secret.txt")

    assert "secret of another repo" in said


async def test_a_repo_overrides_an_agent_which_overrides_all(shell_with, butler_toml, outside):
    toml = configured(butler_toml, ALL, 'sandbox = "off"')
    toml = configured(toml, AGENT, 'sandbox = "off"')
    toml = configured(toml, REPO, 'sandbox = "bwrap"')

    async with shell_with(toml, outside / "butler.toml") as shell:
        said = await shell(f"cat {outside}/other/secret.txt")

    assert "secret of another repo" not in said

"""Two hubs, each with an account of its own, share a worker and one Redis."""

import pytest
import pytest_asyncio

from butler.app import open_sessions, read_setup

IN_REDIS = "sessions.store = 'redis'\n"


@pytest_asyncio.fixture
async def office(fleet):
    """Another hub in the same Redis; the laptop works for both."""
    office = fleet.another("office")
    for hub in (fleet, office):
        hub.pair("laptop")
    await fleet.start_hub("infra", more=IN_REDIS)
    await office.start_hub("docs", more=IN_REDIS)
    await fleet.start_worker("laptop", "web", "api", is_paired=True)
    await office.online("laptop")
    try:
        yield office
    finally:
        await office.aclose()


async def test_a_chat_of_the_same_name_has_a_repo_of_its_own_at_each_hub(fleet, office):
    await fleet.chat("/use web")
    await office.chat("/use api")

    assert (await fleet.chat("/repo"))[0].startswith("*web* on laptop")
    assert (await office.chat("/repo"))[0].startswith("*api* on laptop")


async def test_runs_have_numbers_of_their_own_and_answer_at_their_hub(fleet, office, wait_for):
    for hub in (fleet, office):
        await hub.chat("/use web")
        await hub.chat("/run it")
        await wait_for(hub.chat, "Done on laptop.")

    first = (await wait_for(fleet.chat, "started in")).reply.text
    second = (await wait_for(office.chat, "started in")).reply.text

    assert first.startswith("Run 1 started in *web* on laptop")
    assert second.startswith("Run 2 started in *web* on laptop")
    assert "Run 2" not in "".join(each.reply.text for each in fleet.chat.transport.sent)


async def test_no_hub_stops_or_answers_what_runs_for_the_other(fleet, office, wait_for, script):
    script("laptop", {"ask": {"command": "make"}}, {"say": "Made."})
    await fleet.chat("/use web")
    await fleet.chat("/run make it")
    await wait_for(fleet.chat, "wants to")
    await office.chat("/use web")

    assert (await office.chat("/stop 1"))[0].startswith("Nothing is running in this chat.")
    await office.chat("yes")
    await fleet.chat("yes")

    await wait_for(fleet.chat, "Made.")


async def test_sessions_in_redis_are_kept_by_account(fleet, office):
    await fleet.chat("/use web")
    await office.chat("/use api")

    for hub, repo in ((fleet, "laptop/web"), (office, "laptop/api")):
        setup = read_setup(hub.folder / hub.name / "butler.toml")
        with open_sessions(setup.config) as sessions:
            assert sessions.get_active_repo("team@g.us")[0] == repo


@pytest.mark.parametrize("killed", ["server", "office"])
async def test_one_hub_goes_and_the_other_goes_on(fleet, office, killed):
    gone, left = (fleet, office) if killed == "server" else (office, fleet)
    await gone.hub_stack.aclose()

    assert (await left.chat("/use web"))[0].startswith("This chat now works on *web* on laptop")

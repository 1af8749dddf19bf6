"""What a chat sees of repos on other machines."""

import re

import pytest

from butler.app import read_setup
from butler.testing import make_message, open_chat

ASK = {"ask": {"command": "make"}}


async def test_use_of_a_repo_on_a_laptop(two):
    assert await two.chat("/use web") == ["This chat now works on *web* on laptop, on branch main."]


async def test_repos_are_grouped_by_machine(two):
    await two.chat("/use web")

    assert await two.chat("/repos") == [
        "*laptop* (online): api, web (active) · *server*: infra\n\n/use <repo> selects one."
    ]


async def test_a_name_on_two_machines_asks_for_the_machine(fleet):
    await fleet.start_hub("infra", "web")
    await fleet.start_worker("laptop", "web")

    assert await fleet.chat("/use web") == ["web is on laptop and on server: /use laptop/web"]
    assert await fleet.chat("/use laptop/web") == [
        "This chat now works on *web* on laptop, on branch main."
    ]
    assert await fleet.chat("/use server/web") == ["This chat now works on *web*, on branch main."]


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("/use phone/web", "No machine called phone. Known: server, laptop."),
        ("/use laptop/nothing", "No repo called nothing on laptop. /repos lists all."),
    ],
)
async def test_what_is_nowhere_is_said_to_be(two, text, reply):
    assert await two.chat(text) == [reply]


async def test_repo_shows_where_it_is(two):
    await two.chat("/use web")

    (said,) = await two.chat("/repo")

    assert said.startswith("*web* on laptop\n")
    assert "Branch main, clean." in said or "On branch main, clean." in said


async def test_a_repo_here_is_as_without_other_machines(two):
    assert await two.chat("/use infra") == ["This chat now works on *infra*, on branch main."]
    assert (await two.chat("/repo"))[0].startswith("*infra*\n")


async def test_a_run_on_a_laptop_shows_progress_and_answers(two, wait_for, script):
    script("laptop", {"say": "Hello."}, {"write": "new.txt", "content": "x\n"})
    await two.chat("/use web")

    await two.chat("/run do it")
    answer = await wait_for(two.chat, "Hello.")

    assert answer.reply.answers.text == "/run do it"
    assert (await wait_for(two.chat, "started in")).reply.text.startswith(
        "Run 1 started in *web* on laptop (Scripted)"
    )
    assert (two.folder / "laptop" / "web" / "new.txt").exists()


async def test_run_numbers_are_unique_over_all_machines(two, run_in):
    await run_in("web", "Done on laptop.")
    await run_in("infra", "Done on server.")

    (said,) = await two.chat("/runs")

    assert re.findall(r"• (\d+) \*(\w+)\*( on laptop)?", said) == [
        ("2", "infra", ""),
        ("1", "web", " on laptop"),
    ]


async def test_diff_and_undo_find_a_run_by_its_number_from_another_repo(two, script, run_in):
    script("laptop", {"say": "Hello."}, {"write": "new.txt", "content": "x\n"})
    await run_in("web", "Hello.")
    await two.chat("/use infra")

    (diff,) = await two.chat("/diff 1")
    (undone,) = await two.chat("/undo 1")

    assert "new.txt" in diff
    assert undone == "Run 1 in *web* was undone: new.txt."
    assert not (two.folder / "laptop" / "web" / "new.txt").exists()


async def test_a_question_of_a_laptop_is_answered_by_yes(two, wait_for, script, run_in):
    script("laptop", ASK, {"say": "Made."})
    await run_in("web", "wants to")
    await two.chat("/use infra")

    await two.chat("yes")

    await wait_for(two.chat, "Made.")


async def test_a_question_is_answered_by_a_reaction_and_by_a_quote(two, wait_for, script, run_in):
    script("laptop", ASK, ASK, {"say": "Made."})
    first = await run_in("web", "wants to")
    before = len(two.chat.transport.sent)

    await two.chat("👍", is_reaction=True, quoted_id=first.id)
    second = await wait_for(two.chat, "wants to", before)
    await two.chat("yes", quoted_id=second.id)

    await wait_for(two.chat, "Made.")


async def test_yes_to_questions_of_two_machines_asks_which(two, wait_for, script, run_in):
    script("laptop", ASK, {"say": "Made there."})
    script("server", ASK, {"say": "Made here."})
    await run_in("web", "wants to")
    await run_in("infra", "wants to")

    assert await two.chat("yes") == [
        "Which question? Add its code:\n• yes a1 (on laptop)\n• yes a2 (on server)"
    ]
    await two.chat("yes a1")
    await wait_for(two.chat, "Made there.")
    await two.chat("yes")
    await wait_for(two.chat, "Made here.")


async def test_stop_ends_a_run_on_a_laptop_from_another_repo(two, script, run_in):
    script("laptop", {"wait": True})
    await run_in("web", "started in")
    await two.chat("/use infra")

    (said,) = await two.chat("/stop 1")

    assert said.startswith("Run 1 stopped after ")


async def test_stop_without_a_number_ends_the_newest_run_wherever_it_is(two, script, run_in):
    script("laptop", {"wait": True})
    await run_in("web", "started in")
    await two.chat("/use infra")

    (said,) = await two.chat("/stop")

    assert said.startswith("Run 1 stopped after ")
    assert await two.chat("/stop") == ["Nothing is running in this chat."]


async def test_stop_all_ends_the_runs_of_all_machines(two, script, run_in):
    for machine in ("laptop", "server"):
        script(machine, {"wait": True})
    await run_in("web", "Run 1 started in")
    await run_in("infra", "Run 2 started in")

    (said,) = await two.chat("/stop all")

    assert said.startswith("Run 2 stopped after ")
    assert "*laptop*\nRun 1 stopped after " in said


async def test_plain_text_is_a_prompt_there_where_chat_is_on(two, wait_for):
    await two.chat("/use web")
    await two.chat("/chat on")

    await two.chat("see you tomorrow")

    await wait_for(two.chat, "Done on laptop.")


async def test_plain_text_that_is_no_prompt_never_leaves_the_hub(two):
    await two.chat("/use web")

    await two.chat("see you tomorrow")

    assert two.workers["laptop"].records.entries == []
    assert two.chat.ignored[-1].rule == "not a command"


async def test_a_hidden_repo_of_a_laptop_is_hidden_from_others(fleet):
    await fleet.start_hub("infra")
    await fleet.start_worker("laptop", "web", "api", more='repos.api.users = ["+4930123456"]\n')
    other = fleet.chat.person("+4930222222")

    assert "api" not in (await other("/repos"))[0]
    assert (await other("/use laptop/api"))[0].startswith("No repo called api on laptop")


async def test_a_laptop_shares_only_the_repos_that_its_owner_chose(fleet):
    await fleet.start_hub("infra")
    await fleet.start_worker("laptop", "web", "api", more='machine.repos = ["web"]\n')

    assert await fleet.chat("/repos") == [
        "*laptop* (online): web · *server*: infra\n\n/use <repo> selects one."
    ]


async def test_the_audit_of_the_hub_has_what_was_done_on_a_laptop(two):
    await two.chat("/use web")

    done = two.chat.records.audit[-1]

    assert (done.command, done.repo, done.result) == ("use", "laptop/web", "done")


async def test_a_long_diff_comes_as_a_document(two, script, run_in):
    script("laptop", {"say": "Hello."}, {"write": "big.txt", "content": "line\n" * 30_000})
    await run_in("web", "Hello.")

    await two.chat("/diff 1")

    document = next(each for each in two.chat.transport.sent if each.reply.file_name)
    assert len(document.reply.text) > 150_000
    assert document.reply.file_name == "run-1.patch"


async def test_a_message_that_comes_again_is_not_acted_on_again(two):
    message = make_message("/use web")
    for _ in range(2):
        two.chat.transport.receive(message)
        await two.chat.transport.wait_until_acknowledged(message)
        two.chat.transport.acknowledged.clear()

    said = [each.reply.text for each in two.chat.transport.sent]

    assert said == ["This chat now works on *web* on laptop, on branch main."]


async def test_an_edit_of_what_had_no_effect_on_a_laptop_is_acted_on(two):
    await two.chat("/use web")

    (mistake,) = await two.chat("/diff x", id="edited")
    (said,) = await two.chat("/diff", id="edited")

    assert mistake.startswith("x is not a whole number.")
    assert said.startswith("*web* since its last commit")


async def test_an_edit_of_what_had_an_effect_on_a_laptop_is_not_acted_on(two):
    await two.chat("/use web", id="edited")

    assert await two.chat("/use api", id="edited") == []
    assert (await two.chat("/repo"))[0].startswith("*web* on laptop")


async def test_a_laptop_obeys_its_own_ceiling_of_agents(fleet):
    await fleet.start_hub("infra")
    await fleet.start_worker("laptop", "web", more='repos.web.agents = ["scripted"]\n')
    await fleet.chat("/use web")

    assert await fleet.chat("/agent codex") == [
        "codex may not work in *web*. Agents that may: scripted."
    ]


async def test_machines_are_listed_with_what_they_do(two):
    (said,) = await two.chat("/machines")

    assert re.match(
        r"• \*laptop\*: online for .+, Butler .+, 0 of 256 slots in use; api, web$", said
    )


async def test_without_redis_there_is_no_command_for_machines(butler_toml, tmp_path):
    path = tmp_path / "alone.toml"
    path.write_text(butler_toml)
    setup = read_setup(path)

    assert "machines" not in setup.plugins
    async with open_chat(setup) as chat:
        (listed,) = await chat("/help")
    assert "/who" in listed
    assert "/machines" not in listed

"""What is kept of runs."""

from butler.app import read_setup
from butler.testing import OWNER, open_chat


async def run_entry(chat):
    """Return what the audit has of the first run, once it has ended."""
    while not (found := [each for each in chat.records.audit if "run 1" in each.detail]):
        await chat.next_reply()
    return found[0]


async def test_the_entry_of_a_run_has_its_number_and_its_prompt(chat):
    await chat("/use api")
    await chat("/run make it so")

    entry = await run_entry(chat)
    assert (entry.repo, entry.result, entry.detail) == ("api", "done", "run 1: make it so")


async def test_prompts_can_be_left_out(butler_toml, tmp_path):
    path = tmp_path / "butler.toml"
    path.write_text(butler_toml.replace("max_runs = 2", "max_runs = 2\naudit_prompts = false"))
    async with open_chat(read_setup(path)) as chat:
        await chat("/use api")
        await chat("/run make it so")
        await run_entry(chat)

        assert not any("make it so" in str(each) for each in chat.records.audit)


async def test_who_answered_a_question_and_how_is_in_the_audit(chat, script, wait_for, answer):
    script.turns({"ask": {"path": "made.txt", "old": None, "new": "made\n"}})
    await chat("/use api")
    await chat.person("+4930111111")("/run do it")
    question = await wait_for(chat, "1 or 👍 yes")
    await chat("no", quoted_id=question.id)
    await answer(chat)

    (entry,) = [each for each in chat.records.audit if "question" in each.detail]
    assert (entry.sender, entry.command, entry.result) == (str(OWNER), "run", "reject")
    assert entry.detail.startswith("run 1, question a1: ")

"""What is kept of runs."""

from butler.app import read_setup
from butler.testing import open_chat


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

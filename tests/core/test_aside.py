"""What the owner writes elsewhere than in the chat."""

from butler.core.aside import owners_message


def said(chat, text):
    return chat.bot.say(owners_message(chat.chat_id, text, "panel"))


async def test_it_is_answered_where_it_was_written_and_not_in_the_chat(chat):
    (reply,) = await said(chat, "/use api")

    assert reply.text == "This chat now works on *api*, on branch main."
    assert chat.transport.sent == []
    assert "*api*" in (await chat("/repo"))[0]


async def test_the_audit_names_where_it_was_written(chat):
    await said(chat, "/use api")

    (entry,) = chat.records.audit
    assert (entry.sender, entry.command, entry.repo) == ("panel", "use", "api")


async def test_what_is_refused_in_the_chat_is_refused_here(chat):
    (reply,) = await said(chat, "/use nope")

    assert reply.text.startswith("No repo called nope.")
    assert chat.records.audit[-1].result == "refused"


async def test_who_writes_in_the_chat_cannot_pass_for_the_panel(chat):
    await chat("/use api")

    assert chat.records.audit[-1].sender != "panel"

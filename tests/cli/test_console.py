import subprocess

import pytest

from butler.records.sqlite import SqliteRecords
from butler_process import BUTLER, PATIENCE_S, line, run_butler, write_config


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path)


@pytest.mark.parametrize("way", [(), ("--jsonl",)])
@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_stream_is_one_sentence(config, way, closed):
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *BUTLER, "console", "--config", config, *way],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert (ended.stderr, ended.returncode) == (
        "The standard input or output is closed.\n",
        1,
    )


@pytest.mark.parametrize("way", [(), ("--jsonl",)])
def test_both_ways_keep_their_data_in_the_data_folder(config, way):
    text = line("hello") if way else "hello\n"

    run_butler("console", "--config", config, *way, text=text)

    records = SqliteRecords(config.parent / "data" / "records.sqlite3")
    assert [each.rule for each in records.last_ignored(9)] == ["not a command"]


@pytest.mark.parametrize("text", ["hello there", "/zzzzzzzz", "/etc/passwd is readable"])
def test_nobody_meets_silence_in_the_console(config, text):
    ended = run_butler("console", "--config", config, text=f"{text}\n")

    assert ended.stdout.rstrip().endswith("/help lists the commands.")


def test_a_pipe_has_one_message_about_the_end_of_a_run(tmp_path):
    agent = '[plugins.run]\nsandbox = "off"\nagent = "cat"\n'
    program = '[plugins.run.agents.cat]\nkind = "command"\ncommand = ["cat"]\n'
    config = write_config(tmp_path, agent + program)

    ended = run_butler("console", "--config", config, text="/use api\n/run hello\n")

    about_runs = [each for each in ended.stdout.split("\n\n") if each and "This chat" not in each]
    assert about_runs[0] == "Run 1 started in *api* (Cat)"
    assert about_runs[1] == "```\nhello\n```"
    assert len(about_runs) == 3
    assert about_runs[2].startswith("no files changed")


def test_a_repo_that_cannot_be_used_is_said_and_stops_nothing(tmp_path):
    config = write_config(tmp_path, '[repos.gone]\npath = "gone"\n')

    ended = run_butler("console", "--config", config, text="/use api\n")

    assert ended.stderr == f"The folder of repo gone, {tmp_path}/gone, does not exist.\n"
    assert "*api*" in ended.stdout

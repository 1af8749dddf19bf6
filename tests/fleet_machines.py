"""Two machines as a user has them, for what takes minutes."""

import json
import signal
import time

from butler.fleet.keys import HubKeys, WorkerKeys, fleet_folder
from butler_process import line, start_butler, write_config

RUNS = """\
[plugins.run]
agent = "shell"
sandbox = "off"
max_runs_per_hour = 100000
max_queued = 100
[plugins.run.agents.shell]
kind = "command"
command = ["sh"]
"""


class Machines:
    """A console that is a hub, and a worker called laptop; both are processes.

    Args:
        folder: For their folders.
        url: Of the Redis between them.
    """

    def __init__(self, folder, url):
        configs = {}
        for name in ("server", "laptop"):
            home = folder / name
            home.mkdir()
            more = f'[redis]\nurl = "{url}"\n[machine]\nname = "{name}"\n{RUNS}'
            configs[name] = write_config(home, more)
            configs[name].chmod(0o600)
        keys = WorkerKeys(fleet_folder(folder / "server" / "data"))
        keys.invite("laptop", b"secret")
        keys.pair("laptop", b"secret", b"k" * 32)
        HubKeys(fleet_folder(folder / "laptop" / "data")).pair("laptop", "server", b"k" * 32)
        self.worker = start_butler("worker", "--config", configs["laptop"])
        self.console = start_butler("console", "--jsonl", "--config", configs["server"])
        self.said = []

    def say(self, text, **keys):
        """Write a line in the chat, or in another one."""
        self.console.stdin.write(line(text, **keys).encode())
        self.console.stdin.flush()

    def until(self, text):
        """Read what is said until a text is in it; return that."""
        while True:
            said = json.loads(self.console.stdout.readline())["text"]
            self.said.append(said)
            if text in said:
                return said

    def ask(self, text, answer):
        """Write a line, again and again, until an answer comes."""
        while True:
            self.say(text)
            said = json.loads(self.console.stdout.readline())["text"]
            if answer in said:
                return
            time.sleep(0.2)

    def end(self):
        for process in (self.console, self.worker):
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.communicate()

// A contender's side of the bench in JavaScript; worker.py says what it does.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const CHATS = 1000;
const REPOS = ["api", "web"];
const others = Array.from({ length: 19 }, (_, index) => `other${index + 1}`);
export const COMMAND_NAMES = [...others.slice(0, 10), "use", ...others.slice(10)];

// The first argument is the folder that the packages were installed into.
const packages = `${process.argv[2]}/node_modules`;
const require = createRequire(`${packages}/package.json`);
export const load = (name) => import(require.resolve(name));
export const version = (name) => require(`${packages}/${name}/package.json`).version;

export const chatNumber = (number) => number % CHATS;
const text = (number) => `/use ${REPOS[Math.floor(number / CHATS) % REPOS.length]}`;

export async function serve(make, handle, replies, version) {
  let made = 0;
  const take = (count) =>
    Array.from({ length: count }, () => make(made, text(made++)));
  const handleAll = async (messages) => {
    for (const message of messages) await handle(message);
  };
  console.log(`ready ${version}`);
  for await (const line of createInterface({ input: process.stdin })) {
    const count = Number(line.replace("run ", ""));
    await handleAll(take(CHATS));
    const messages = take(count);
    replies.length = 0;
    const started = performance.now();
    await handleAll(messages);
    const seconds = (performance.now() - started) / 1000;
    if (replies.length !== count) throw new Error(`${replies.length} replies to ${count} messages`);
    console.log(seconds);
  }
}

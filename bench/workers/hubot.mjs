// Hubot: messages through Robot.receive; state in its brain, in memory.

import { chatNumber, COMMAND_NAMES, load, serve, version } from "./worker.mjs";

const { Adapter, Robot, TextMessage, User } = await load("hubot");
const replies = [];

class SinkAdapter extends Adapter {
  async send(envelope, ...texts) {
    replies.push(...texts);
  }
}

process.env.HUBOT_LOG_LEVEL = "error";
const adapter = new SinkAdapter();
const robot = new Robot(adapter, false, "butler", "/");
adapter.robot = robot;
for (const name of COMMAND_NAMES) {
  robot.respond(new RegExp(`${name} (\\S+)$`), async (res) => {
    robot.brain.set(res.envelope.room, res.match[1]);
    await res.send(`This chat now works on *${res.match[1]}*.`);
  });
}
const message = (number, text) =>
  new TextMessage(new User("7", { room: `chat${chatNumber(number)}` }), text, `m${number}`);
await serve(message, (each) => robot.receive(each), replies, version("hubot"));
process.exit(0);

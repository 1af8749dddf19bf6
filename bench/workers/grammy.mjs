// grammY: updates through Bot.handleUpdate; state in its sessions, in memory.

import { chatNumber, COMMAND_NAMES, load, serve, version } from "./worker.mjs";

const { Bot, session } = await load("grammy");
const replies = [];
const me = { id: 1, is_bot: true, first_name: "Butler", username: "butler_bot" };
const bot = new Bot("1:token", { botInfo: me });
bot.api.config.use(async (_next, _method, payload) => {
  replies.push(payload.text);
  return { ok: true, result: { message_id: 2, date: 1750000000, chat: { id: payload.chat_id } } };
});
bot.use(session({ initial: () => ({}) }));
for (const name of COMMAND_NAMES) {
  bot.command(name, async (ctx) => {
    ctx.session.repo = ctx.match;
    await ctx.reply(`This chat now works on *${ctx.match}*.`);
  });
}
const update = (number, text) => ({
  update_id: number + 1,
  message: {
    message_id: number + 1,
    date: 1750000000,
    chat: { id: -1000000 - chatNumber(number), type: "group", title: "Team" },
    from: { id: 7, is_bot: false, first_name: "Ada" },
    text,
    entities: [{ type: "bot_command", offset: 0, length: 4 }],
  },
});
await serve(update, (each) => bot.handleUpdate(each), replies, version("grammy"));

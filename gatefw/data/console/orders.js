// Orders: to the server with the state of the lane that the officer saw, and what became of each, in words.
import { at, say, write } from "/static/words.js";
import { ask, tell } from "/static/ask.js";

const ANSWER_MS = 6000;
const DONE_MS = 10000;
const EXPECTING = new Set(["open", "close", "reset", "let_out"]);
const BY_HAND = ["document_seen", "face_seen", "child", "wheelchair", "veil", "device_failed", "authority_asked", "other"];
const WHY = {
  evacuate: ["fire", "medical", "threat", "trapped", "other"],
  stop: ["incident", "search", "crowd", "technical", "other"],
  reset: ["looked", "colleague"],
};
const reasons = (verb) => Object.fromEntries(WHY[verb].map((why) => [why, say(`why.${verb}.${why}`)]));

let fades = 0;

export class Orders {
  /** desk: post(path, body), lane(id), lanes(), stale(), state(id) in words. */
  constructor(desk) {
    this.desk = desk;
    this.sent = new Set();
  }

  give(verb, lane) {
    if (verb === "evacuate" || verb === "reset") this.askWhy(verb, lane, {}, reasons(verb));
    else if (verb === "clear_by_hand") this.clear(lane);
    else if (verb === "stop") this.stop(lane.group);
    else if (verb === "let_out" && lane.ways_out.length > 1) this.letOut(lane);
    else this.send(verb, lane, {});
  }

  clear(lane) {
    const why = Object.fromEntries(BY_HAND.map((code) => [code, say(`why.${code}`)]));
    this.askWhy("clear_by_hand", lane, { run: lane.referral.run }, why);
  }

  letOut(lane) {
    const doors = Object.fromEntries(lane.ways_out.map((door) => [door, say(`doorid.${door}`)]));
    this.ask("let_out", lane, doors, (door) => this.send("let_out", lane, { door }), say("ask.door"));
  }

  askWhy(verb, lane, more, why) {
    this.ask(verb, lane, why, (code) => this.send(verb, lane, { ...more, why: code }));
  }

  ask(verb, lane, why, then, asks) {
    ask({
      title: say(`ask.${verb}`, { lane: lane.name }), means: say(`ask.${verb}_means`), doing: say(`ask.${verb}_do`),
      danger: verb === "evacuate", why, state: () => this.desk.state(lane.id), stale: this.desk.stale, then, asks,
      over: EXPECTING.has(verb) ? () => isAnother(this.desk.lane(lane.id), lane) : undefined,
    });
  }

  acknowledge(alarm) {
    const lane = this.desk.lane(alarm.lane);
    if (lane && !this.desk.stale()) this.send("acknowledge", lane, { event: alarm.number });
  }

  stop(group) {
    const lanes = this.desk.lanes().filter((lane) => lane.group === group);
    const names = lanes.map((lane) => lane.name).join(", ");
    ask({
      title: say("ask.stop", { group }), means: say("ask.stop_means", { n: lanes.length, lanes: names }),
      doing: say("ask.stop_do", { n: lanes.length }), danger: true, why: reasons("stop"), stale: this.desk.stale,
      state: () => lanes.map((lane) => this.desk.state(lane.id)).filter((state, n, all) => all.indexOf(state) === n).join(", "),
      then: (why) => this.stopAll(group, lanes, why),
    });
  }

  async stopAll(group, lanes, why) {
    const order = say("order.stop");
    told("sending", say("said.sending", { order, lane: group }));
    const answer = await this.desk.post("/stop", { lanes: lanes.map((lane) => lane.id), why }, ANSWER_MS);
    if (!answer) return told("unanswered", say("said.unanswered", { order, lane: group }));
    if (!answer.ok) return told("refused", say("said.refused", { order, lane: group, message: answer.body.message ?? answer.status }));
    const not = lanes.filter((lane) => answer.body.outcomes?.[lane.id]?.outcome !== "done");
    const lines = not.map((lane) => `${lane.name}: ${answer.body.outcomes?.[lane.id]?.message ?? say("state.silent")}`);
    const title = say("ask.stopped", { group, n: lanes.length - not.length, all: lanes.length });
    told(not.length ? "refused" : "done", title);
    return tell(title, say("ask.not_stopped"), lines);
  }

  /** Once at a time of each order to a lane: a key that is pressed twice is one order. */
  async send(verb, lane, more) {
    const one = `${verb} ${lane.id} ${more.event ?? ""}`;
    if (this.sent.has(one)) return;
    if (verb === "silent_alarm") return this.sendQuietly(one, lane);
    const put = { order: say(`order.${verb}`), lane: lane.name };
    if (this.desk.stale()) return told("refused", say("said.stale", put));
    this.sent.add(one);
    told("sending", say("said.sending", put));
    const expects = EXPECTING.has(verb) ? { expects: lane.phase } : {};
    const answer = await this.desk.post(`/lanes/${encodeURIComponent(lane.id)}/orders`, { verb, ...expects, ...more }, ANSWER_MS);
    this.sent.delete(one);
    if (answer?.status === 401) return;
    if (!answer || answer.status === 504) told("unanswered", say("said.unanswered", put));
    else if (answer.status === 403) told("refused", say("said.forbidden", put));
    else if (!answer.ok) told("refused", say("said.refused", { ...put, message: answer.body.message ?? answer.status }));
    else told("done", say("said.done", put));
  }

  /** Whoever stands beside the officer shall not learn what was sent, nor that it was not. */
  async sendQuietly(one, lane) {
    this.sent.add(one);
    const answer = await this.desk.post(`/lanes/${encodeURIComponent(lane.id)}/orders`, { verb: "silent_alarm" }, ANSWER_MS);
    this.sent.delete(one);
    told("", say(answer?.ok ? "said.noted" : "said.not_noted"));
  }
}

/** Whether a lane is in another phase than it was seen in, or in the same once more, which has not lasted as long. */
const isAnother = (lane, seen) => !lane || lane.phase !== seen.phase || lane.since_s < seen.since_s;

/** What was done is said for a while, what was not until the next order. */
function told(outcome, text) {
  clearTimeout(fades);
  fades = outcome === "done" ? setTimeout(() => write(at("said"), ""), DONE_MS) : 0;
  at("said").dataset.outcome = outcome;
  write(at("said"), text);
}

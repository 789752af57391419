// The same facts as tables: filled when they are opened, and those of the present step kept up with it.
import { USES } from "./colours.js";
import { button, fillRows, make, table } from "./elements.js";
import { agentName, hours, number, recipients, shareDone, titleOf, within } from "./replay.js";

const STATUSES = ["blocked", "ready", "done"];

export function metricsTable(page, replay) {
  const panel = make(page, "section", { class: "panel metrics" });
  const names = [...new Set(replay.episodes.flatMap(({ metrics }) => Object.keys(metrics)))];
  const heads = replay.episodes.map(({ letter, policy }) => (replay.compared ? `${letter} ${policy}` : policy));
  const rows = names.map((name) => [
    name,
    ...replay.episodes.map(({ metrics }) => exact(metrics[name])),
    replay.metric_meanings[name] ?? "",
  ]);
  table(panel, "Metrics of the whole episode", ["metric", ...heads, "meaning"], rows);
}

// Four digits, and of two that are as near the even one, as the other reports of an episode show them.
function exact(value) {
  if (value === null || value === undefined) return "–";
  const halfway = value.toExponential(60).match(/^(-?\d\.\d\d[02468])50*(e.*)$/);
  return String(Number(halfway ? halfway[1] + halfway[2] : value.toPrecision(4)));
}

export function tables(page, replay, state) {
  const box = make(page, "details", { class: "tables" });
  make(box, "summary", {}, "The same facts as tables");
  const updates = [];
  box.addEventListener("toggle", () => {
    if (box.open && !updates.length) replay.episodes.forEach((episode) => updates.push(...fill(box, replay, episode, state)));
    if (box.open) updates.forEach((update) => update(state.step));
  });
  state.follow(({ step }) => box.open && updates.forEach((update) => update(step)));
}

function fill(box, replay, episode, state) {
  const name = replay.compared ? `${episode.letter} ${episode.policy}` : episode.policy;
  const agents = table(box, `${name}: agents in this step`, ["agent", "works on", ...USES.map((use) => use.name), "debt"], []);
  const subtasks = table(box, `${name}: subtasks after this step`, ["subtask", "domain", "status", "done", "left", "owner", "needs"], []);
  const heads = ["step", "from", "to", "speech", "subtask", "read at", "hours", "value"];
  table(box, `${name}: all messages`, heads, episode.messages.map((message, m) => messageRow(replay, episode, state, message, m)));
  return [
    (step) => fillRows(agents, agentRows(replay, episode, within(episode, step))),
    (step) => fillRows(subtasks, subtaskRows(replay, episode, within(episode, step))),
  ];
}

function agentRows(replay, episode, step) {
  return replay.agents.map((name, i) => {
    const debt = hours(episode.debt[step][i]);
    if (step === 0) return [name, "not yet", ...USES.map(() => "–"), debt];
    const k = episode.work[step - 1][i];
    return [name, k < 0 ? "nothing" : `${k} ${titleOf(replay, k)}`, ...episode.hours[step - 1][i].map(hours), debt];
  });
}

function subtaskRows(replay, episode, step) {
  return replay.subtasks.map((subtask, k) => [
    `${k} ${titleOf(replay, k)}`,
    replay.domains[subtask.domain],
    STATUSES[episode.status[step][k]],
    `${number(100 * shareDone(replay, episode, step, k), 0)} %`,
    hours(episode.remaining[step][k]),
    agentName(replay, episode.owner[step][k]),
    subtask.needs.join(", "),
  ]);
}

function messageRow(replay, episode, state, message, m) {
  const seek = (cell) =>
    button(cell, String(message.sent), { "aria-label": `Go to the message of step ${message.sent}` }, () => {
      state.step = message.sent;
      state.select({ message: [episode.index, m] });
    });
  const read = [...new Set(message.readings.map(({ step }) => step))].join(", ");
  const paid = message.readings.reduce((sum, reading) => sum + reading.hours, message.hours);
  return [
    seek,
    replay.agents[message.sender],
    recipients(replay, message),
    message.speech.replace("_", " "),
    `${message.topic} ${titleOf(replay, message.topic)}`,
    message.refused ? "refused" : read || "never",
    hours(paid),
    message.value === null ? "–" : hours(message.value),
  ];
}

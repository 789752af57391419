// What is known about the selected message or subtask.
import { described } from "./arcs.js";
import { make, table } from "./elements.js";
import { agentName, hours, number, shareDone, textOf, titleOf, within } from "./replay.js";

export function details(parent, replay, state) {
  const panel = make(parent, "section", { class: "panel details", "aria-label": "Selection" });
  const head = make(panel, "h3", { "aria-live": "polite" });
  const body = make(panel, "div");
  let shown = "";
  state.follow(({ step, subtask, message }) => {
    const wanted = message ? `message ${message}` : subtask === null ? "nothing" : `subtask ${subtask} ${step}`;
    if (wanted === shown) return;
    shown = wanted;
    body.replaceChildren();
    const title = message ? messageTitle(replay, ...message) : subtask === null ? "Selection" : `Subtask ${subtask}: ${titleOf(replay, subtask)}`;
    if (head.textContent !== title) head.textContent = title;
    if (message) showMessage(body, replay, ...message);
    else if (subtask !== null) showSubtask(body, replay, step, subtask);
    else make(body, "p", { class: "hint" }, "Select a message between the lanes, a subtask in the graph or a cell of the alignment map to read about it here.");
  });
}

function messageTitle(replay, e, m) {
  const { letter, messages } = replay.episodes[e];
  return `${replay.compared ? `${letter}: ` : ""}${described(replay, messages[m])}`;
}

function showMessage(panel, replay, e, m) {
  const episode = replay.episodes[e];
  const message = episode.messages[m];
  const others = message.readings.filter(({ agent }) => agent !== message.sender); // the host of a meeting is there as well
  const paid = [`${replay.agents[message.sender]} ${hours(message.hours)}`, ...others.map(({ agent, hours: cost }) => `${replay.agents[agent]} ${hours(cost)}`)];
  make(panel, "p", {}, `Paid by: ${paid.join(", ")}.`);
  if (message.answers) make(panel, "p", {}, "It answers an open request.");
  if (message.symbol !== null) make(panel, "p", {}, `It carries the symbol ${message.symbol}.`);
  if (message.value !== null) make(panel, "p", { class: "value" }, worth(message.value));
  const text = textOf(episode, message);
  if (text !== null) {
    make(panel, "h4", {}, "What its sender wrote");
    make(panel, "pre", {}, text);
  }
  if (message.readings.length) readingsTable(panel, replay, message);
}

const worth = (value) => (value < 0 ? `The team lost ${hours(-value)} by it.` : `The team saved ${hours(value)} by it.`);

function readingsTable(panel, replay, { readings }) {
  const rows = readings.map(({ agent, step, before, after }) => [
    replay.agents[agent],
    String(step),
    ...before.map((value, facet) => `${number(value)} → ${number(after[facet])}`),
  ]);
  table(panel, "Understanding of its readers, before and after", ["reader", "step", ...replay.facets], rows);
}

function showSubtask(panel, replay, step, k) {
  const { id, effort, complexity, domain, needs } = replay.subtasks[k];
  const facts = [`identifier ${id}`, `domain ${replay.domains[domain]}`, `effort ${hours(effort)}`, `complexity ${number(complexity)}`];
  make(panel, "p", {}, `${facts.join(", ")}.`);
  make(panel, "p", {}, needs.length ? `It needs: ${needs.map((need) => `${need} ${titleOf(replay, need)}`).join(", ")}.` : "It needs no other subtask.");
  const rows = replay.episodes.map((episode) => {
    const now = within(episode, step);
    const owner = episode.owner[now][k];
    const factor = owner < 0 ? "–" : number(episode.alignment[now][owner][k] / 1000);
    const share = `${number(100 * shareDone(replay, episode, now, k), 0)} %`;
    return [replay.compared ? `${episode.letter} ${episode.policy}` : episode.policy, share, hours(episode.remaining[now][k]), agentName(replay, owner), factor];
  });
  table(panel, `At step ${step}`, ["episode", "done", "left", "owner", "owner's alignment"], rows);
}

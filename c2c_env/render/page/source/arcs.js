// Messages as arcs from the lane and step at which they were sent to the lane and step at which they were read.
import { CHANNELS } from "./colours.js";
import { BAR, LANE, TOP } from "./cells.js";
import { draw, pressable } from "./elements.js";
import { recipients, titleOf } from "./replay.js";

const NEAR = 8; // steps before the present one whose messages the Tab key visits

export function arcs(svg, replay, episode, state) {
  const drawn = episode.messages.map((message, m) => drawMessage(svg, replay, episode, state, message, m));
  return {
    place: (cell) => drawn.forEach(({ paths, message }) => placeMessage(paths, replay, episode, message, cell)),
    show: (step, selected) => drawn.forEach((one, m) => showMessage(one, step, isAt(selected, episode, m))),
  };
}

const isAt = (selected, episode, m) => selected !== null && selected[0] === episode.index && selected[1] === m;

function drawMessage(svg, replay, episode, state, message, m) {
  const group = draw(svg, "g", { class: "message", role: "button", tabindex: -1 });
  const paths = ["hit", "halo", "arc"].map((name) => draw(group, "path", { class: name }));
  paths[2].setAttribute("stroke", CHANNELS[message.channel]);
  const said = described(replay, message);
  group.setAttribute("aria-label", said);
  draw(group, "title", {}, said);
  pressable(group, () => state.select({ message: isAt(state.message, episode, m) ? null : [episode.index, m] }));
  const read = Math.max(...message.readings.map(({ step }) => step));
  const complete = message.refused || message.readings.length > 0 ? read : Infinity;
  return { group, paths, message, complete, shown: "" };
}

export function described(replay, message) {
  const end = message.refused ? "refused" : message.readings.length ? `read at step ${Math.max(...message.readings.map(({ step }) => step))}` : "never read";
  const speech = message.speech.replace("_", " ");
  return `Step ${message.sent}: ${replay.agents[message.sender]}, ${speech} to ${recipients(replay, message)} about ${message.topic} ${titleOf(replay, message.topic)}, ${end}`;
}

function placeMessage(paths, replay, episode, message, cell) {
  const d = shapeOf(replay, episode, message, cell);
  for (const path of paths) path.setAttribute("d", d);
}

function shapeOf(replay, episode, message, cell) {
  const x = (message.sent - 0.5) * cell;
  if (message.refused) return cross(x, TOP + message.sender * LANE + BAR / 2);
  const readings = message.readings.filter(({ agent }) => agent !== message.sender);
  const ends = readings.length ? readings : unread(replay, episode, message);
  const square = message.channel === 2 ? `M${x - 3},${middle(message.sender) - 3}h6v6h-6Z` : "";
  return square + ends.map(({ agent, step }) => curve(x, message.sender, (step - 0.5) * cell, agent)).join("");
}

// Nobody read it before the end of the episode, so that it ends in the air soon after it was sent.
function unread(replay, episode, message) {
  const step = Math.min(episode.steps + 0.5, message.sent + 2);
  const agents = replay.agents.map((_, agent) => agent).filter((agent) => agent !== message.sender);
  return agents.filter((agent) => message.recipient < 0 || agent === message.recipient).map((agent) => ({ agent, step }));
}

const middle = (agent) => TOP + agent * LANE + BAR / 2;
const cross = (x, y) => `M${x - 4},${y - 4}l8,8M${x + 4},${y - 4}l-8,8`;

// From the edge of a lane that faces the other one, with a small circle where it is read.
function curve(x1, sender, x2, reader) {
  const down = sender < reader ? 1 : -1;
  const y1 = middle(sender) + (down * BAR) / 2;
  const y2 = middle(reader) - (down * BAR) / 2;
  const bend = x1 === x2 ? 5 : 0;
  const half = (y2 - y1) / 2;
  const dot = `M${x2 - 2},${y2}a2,2 0 1,0 4,0a2,2 0 1,0 -4,0`;
  return `M${x1},${y1}C${x1 + bend},${y1 + half} ${x2 + bend},${y2 - half} ${x2},${y2}${dot}`;
}

// Only what has changed is written, since a long episode has thousands of messages.
function showMessage(one, step, selected) {
  const { sent } = one.message;
  const phase = sent > step ? "future" : one.complete > step ? "travelling" : "read";
  const near = sent <= step && step - sent <= NEAR;
  const shown = `message ${phase}${near ? " near" : ""}${selected ? " selected" : ""}`;
  if (shown === one.shown) return;
  one.shown = shown;
  one.group.setAttribute("class", shown);
  one.group.setAttribute("tabindex", near || selected ? 0 : -1);
}

// The task graph in layers of prerequisites: filled as far as it is done, bordered by domain, with its owner.
import { domainColour } from "./colours.js";
import { draw, make, pressable } from "./elements.js";
import { number, shareDone, titleOf, within } from "./replay.js";

const BOX = { width: 54, height: 26 };
const GAP = { x: 10, y: 26 };
const STATUSES = ["blocked", "ready", "done"];

export function graph(row, replay, episode, state) {
  const panel = make(row, "section", { class: "panel graph" });
  make(panel, "h3", {}, "Task graph");
  const frame = make(panel, "div", { class: "scroll" });
  const places = layout(replay.subtasks);
  const width = Math.max(...places.map(({ x }) => x)) + BOX.width + 8;
  const height = Math.max(...places.map(({ y }) => y)) + BOX.height + 8;
  const svg = draw(frame, "svg", { width, height, role: "group", "aria-label": "Subtasks and what they need" });
  const lines = drawLines(svg, replay, places);
  const boxes = replay.subtasks.map((_, k) => drawBox(svg, replay, state, places[k], k));
  legend(panel, replay);
  state.follow(({ step, subtask }) => {
    const now = within(episode, step);
    const critical = new Set(episode.critical[now]);
    boxes.forEach((box, k) => showBox(box, replay, episode, now, k, critical.has(k), subtask === k));
    for (const { line, from, to } of lines) line.classList.toggle("critical", critical.has(from) && critical.has(to));
  });
}

// Layers from top to bottom: a subtask stands below all that it needs; wide layers break into several rows.
function layout(subtasks) {
  const depths = [];
  const depth = (k) => (depths[k] ??= 1 + Math.max(-1, ...subtasks[k].needs.map(depth)));
  const layers = [];
  subtasks.forEach((_, k) => (layers[depth(k)] ??= []).push(k));
  const places = [];
  const most = 5;
  let y = 8;
  for (const layer of layers) {
    const middle = (k) => mean(subtasks[k].needs.map((need) => places[need].x));
    layer.sort((left, right) => middle(left) - middle(right) || left - right);
    for (let start = 0; start < layer.length; start += most, y += BOX.height + GAP.y) {
      const line = layer.slice(start, start + most);
      const shift = ((most - line.length) * (BOX.width + GAP.x)) / 2;
      line.forEach((k, n) => (places[k] = { x: 8 + shift + n * (BOX.width + GAP.x), y }));
    }
  }
  const left = Math.min(...places.map(({ x }) => x)) - 8;
  return places.map(({ x, y: top }) => ({ x: x - left, y: top }));
}

const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0);

function drawLines(svg, replay, places) {
  const lines = [];
  replay.subtasks.forEach(({ needs }, to) => {
    for (const from of needs) {
      const [x1, y1] = [places[from].x + BOX.width / 2, places[from].y + BOX.height];
      const [x2, y2] = [places[to].x + BOX.width / 2, places[to].y];
      const d = `M${x1},${y1}C${x1},${y1 + 16} ${x2},${y2 - 16} ${x2},${y2}`;
      lines.push({ from, to, line: draw(svg, "path", { d, class: "need" }) });
    }
  });
  return lines;
}

function drawBox(svg, replay, state, { x, y }, k) {
  const group = draw(svg, "g", { class: "subtask", transform: `translate(${x},${y})`, tabindex: 0, role: "button" });
  const shape = { rx: 4, width: BOX.width, height: BOX.height };
  const halo = draw(group, "rect", { class: "halo", x: -5, y: -5, rx: 8, width: BOX.width + 10, height: BOX.height + 10 });
  draw(group, "rect", { class: "empty", ...shape });
  const fill = draw(group, "rect", { class: "done", ...shape, fill: domainColour(replay.subtasks[k].domain) });
  draw(group, "rect", { class: "border", ...shape, stroke: domainColour(replay.subtasks[k].domain) });
  draw(group, "text", { x: 4, y: 17 }, String(k));
  const owner = draw(group, "text", { x: BOX.width - 4, y: 17, "text-anchor": "end", class: "owner" });
  const title = draw(group, "title");
  pressable(group, () => state.select({ subtask: state.subtask === k ? null : k, message: null }));
  return { group, halo, fill, owner, title };
}

function showBox(box, replay, episode, now, k, critical, selected) {
  const share = shareDone(replay, episode, now, k);
  const owner = episode.owner[now][k];
  const status = STATUSES[episode.status[now][k]];
  box.fill.setAttribute("width", BOX.width * share);
  box.owner.textContent = owner < 0 ? "" : replay.names[owner];
  box.group.setAttribute("class", `subtask ${status}${critical ? " critical" : ""}${selected ? " selected" : ""}`);
  box.group.setAttribute("aria-pressed", selected);
  const said = [`${k} ${titleOf(replay, k)}`, status, `${number(100 * share, 0)} % done`];
  if (owner >= 0) said.push(`owner ${replay.agents[owner]}`);
  if (critical) said.push("on the critical path");
  box.title.textContent = said.join(", ");
  box.group.setAttribute("aria-label", said.join(", "));
}

function legend(panel, replay) {
  const list = make(panel, "ul", { class: "legend", "aria-label": "Domains" });
  replay.domains.forEach((name, n) => {
    const item = make(list, "li");
    const svg = draw(item, "svg", { width: 14, height: 12, "aria-hidden": true });
    draw(svg, "rect", { x: 1.5, y: 1.5, width: 11, height: 9, rx: 2, fill: "none", stroke: domainColour(n), "stroke-width": 3 });
    make(item, "span", {}, name);
  });
  make(make(list, "li"), "span", {}, "thick: critical path");
}

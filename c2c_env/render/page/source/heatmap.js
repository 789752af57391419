// How well each agent understands each subtask at the present step, and one cell of that over time.
import { line } from "d3-shape";
import { alignmentColour } from "./colours.js";
import { draw, make, onWidth } from "./elements.js";
import { number, titleOf, within } from "./replay.js";

const LEFT = 30;
const TOP = 16;
const SPARK = { width: 240, height: 56 };

export function heatMap(row, replay, episode, state) {
  const panel = make(row, "section", { class: "panel heat" });
  make(panel, "h3", {}, "Alignment of agents (rows) with subtasks");
  const frame = make(panel, "div", { class: "scroll" });
  const svg = draw(frame, "svg", { role: "group", "aria-label": "Alignment Factors; arrow keys move between cells" });
  const map = { replay, episode, state, svg, at: [0, 0], over: null, now: 0, painted: null };
  map.cells = replay.agents.map((_, i) => replay.subtasks.map((__, k) => drawCell(map, i, k)));
  map.heads = drawHeads(map);
  map.said = make(panel, "p", { class: "said" });
  map.spark = draw(panel, "svg", { width: SPARK.width + 14, height: SPARK.height, class: "spark", "aria-hidden": true });
  ramp(panel);
  for (const left of ["pointerleave", "focusout"]) {
    svg.addEventListener(left, () => {
      map.over = null;
      describe(map);
    });
  }
  svg.addEventListener("keydown", (event) => moveFocus(map, event));
  onWidth(frame, (width) => place(map, width));
  state.follow(({ step, subtask, agent }) => {
    map.now = within(episode, step);
    paint(map, subtask, agent);
    describe(map);
  });
}

function drawCell(map, i, k) {
  const cell = draw(map.svg, "rect", { class: "cell", role: "button", tabindex: i + k === 0 ? 0 : -1 });
  const shown = () => {
    map.over = [i, k];
    describe(map);
  };
  cell.addEventListener("pointerenter", shown);
  cell.addEventListener("focus", () => {
    rove(map, i, k);
    shown();
  });
  const choose = () => map.state.select({ subtask: k, agent: i, message: null });
  cell.addEventListener("click", choose);
  return cell;
}

function drawHeads({ svg, replay }) {
  const agents = replay.names.map((name) => draw(svg, "text", { class: "small" }, name));
  const subtasks = replay.subtasks.map((_, k) => {
    const text = draw(svg, "text", { class: "small", "text-anchor": "middle" }, String(k));
    draw(text, "title", {}, titleOf(replay, k));
    return text;
  });
  return { agents, subtasks };
}

function place({ svg, cells, heads, replay }, width) {
  const size = Math.max(10, Math.min(24, Math.floor((width - LEFT - 2) / replay.subtasks.length)));
  const tall = Math.max(16, Math.min(24, size));
  svg.setAttribute("width", LEFT + size * replay.subtasks.length + 2);
  svg.setAttribute("height", TOP + tall * replay.agents.length + 2);
  cells.forEach((row, i) =>
    row.forEach((cell, k) => {
      const box = { x: LEFT + k * size, y: TOP + i * tall, width: size - 1, height: tall - 1 };
      for (const [name, value] of Object.entries(box)) cell.setAttribute(name, value);
    }),
  );
  heads.agents.forEach((text, i) => text.setAttribute("transform", `translate(2,${TOP + (i + 0.5) * tall + 4})`));
  const every = size < 14 ? 2 : 1;
  heads.subtasks.forEach((text, k) => {
    text.setAttribute("transform", `translate(${LEFT + (k + 0.5) * size},11)`);
    text.setAttribute("visibility", k % every ? "hidden" : "visible");
  });
}

// Only what has changed is painted, since a large team has hundreds of cells.
function paint(map, subtask, agent) {
  const factors = map.episode.alignment[map.now];
  const { painted } = map;
  map.painted = factors;
  map.cells.forEach((row, i) =>
    row.forEach((cell, k) => {
      if (factors[i][k] !== painted?.[i][k]) cell.setAttribute("fill", alignmentColour(factors[i][k] / 1000));
      cell.classList.toggle("selected", k === subtask && (agent === null || agent === i));
    }),
  );
}

function rove(map, i, k) {
  const [before, last] = map.at;
  map.cells[before][last].setAttribute("tabindex", -1);
  map.cells[i][k].setAttribute("tabindex", 0);
  map.at = [i, k];
}

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function moveFocus(map, event) {
  const [i, k] = map.at;
  if (event.key === "Enter" || event.key === " ") map.state.select({ subtask: k, agent: i, message: null });
  else if (!(event.key in MOVES)) return;
  const [down, right] = MOVES[event.key] ?? [0, 0];
  event.preventDefault();
  event.stopPropagation();
  map.cells[i + down]?.[k + right]?.focus();
}

// The cell under the pointer or with the focus, else the one that is selected, else the first.
function describe(map) {
  const { replay, episode, state, now } = map;
  const chosen = state.subtask === null ? [0, 0] : [state.agent ?? Math.max(0, episode.owner[now][state.subtask]), state.subtask];
  const [i, k] = map.over ?? chosen;
  const value = episode.alignment[now][i][k] / 1000;
  const said = `${replay.agents[i]}, subtask ${k} ${titleOf(replay, k)}: ${number(value)}`;
  map.said.textContent = said;
  const [row, column] = map.at;
  if (i === row && k === column) map.cells[i][k].setAttribute("aria-label", said);
  drawSpark(map, i, k, value);
}

function drawSpark({ spark, replay, episode, now }, i, k, value) {
  const x = (step) => 2 + (step / Math.max(1, replay.steps)) * (SPARK.width - 4);
  const y = (share) => SPARK.height - 4 - share * (SPARK.height - 8);
  const path = line((_, step) => x(step), (factors) => y(factors[i][k] / 1000))(episode.alignment);
  spark.replaceChildren();
  draw(spark, "path", { class: "axis", d: `M2,${y(0)}H${SPARK.width - 2}M2,${y(1)}H${SPARK.width - 2}` });
  for (const share of [0, 1]) draw(spark, "text", { class: "small", x: SPARK.width + 2, y: y(share) + 4 }, String(share));
  draw(spark, "path", { class: "curve", d: path });
  draw(spark, "circle", { class: "point", cx: x(now), cy: y(value), r: 4 });
}

function ramp(panel) {
  const list = make(panel, "ul", { class: "legend", "aria-label": "Colours of Alignment Factors" });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const item = make(list, "li");
    draw(draw(item, "svg", { width: 14, height: 12, "aria-hidden": true }), "rect", { width: 14, height: 12, fill: alignmentColour(share) });
    make(item, "span", {}, String(share));
  }
}

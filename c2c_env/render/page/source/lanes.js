// One lane for each agent: what it did with every step, and the messages between the lanes.
import { CHANNELS, DEBT, USES } from "./colours.js";
import { draw, make, onWidth } from "./elements.js";
import { arcs } from "./arcs.js";
import { BAR, LANE, TOP, paintCells } from "./cells.js";

const WIDTHS = { least: 4, most: 40, first: 26, legible: 15 }; // pixels of a step

export function lanes(row, replay, episode, state) {
  const panel = make(row, "section", { class: "panel lanes" });
  make(panel, "h3", {}, "Time and messages");
  const zoom = zoomOf(panel, state);
  const height = TOP + replay.agents.length * LANE;
  const frame = make(panel, "div", { class: "lane-frame" });
  drawNames(frame, replay, height);
  const scroller = make(frame, "div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "Lanes of the agents" });
  const inner = make(scroller, "div", { class: "inner" });
  const canvas = make(inner, "canvas", { "aria-hidden": true });
  const svg = draw(inner, "svg", { height, role: "group", "aria-label": "Messages" });
  const cursor = draw(svg, "rect", { class: "cursor", y: 0, height });
  const messages = arcs(svg, replay, episode, state);
  legend(panel, replay);

  let cell = 0;
  const paint = () => cell && paintCells(canvas, scroller, replay, episode, cell);
  const resize = () => {
    const width = scroller.clientWidth;
    const next = state.cell ?? Math.max(WIDTHS.legible, Math.min(WIDTHS.first, width / replay.steps));
    if (!width) return;
    if (next !== cell) {
      cell = next;
      zoom.value = Math.round(cell);
      for (const element of [svg, cursor]) element.setAttribute("width", element === svg ? replay.steps * cell + 1 : cell);
      inner.style.width = `${replay.steps * cell + 1}px`;
      inner.style.height = `${height}px`;
      messages.place(cell);
      placeCursor(cursor, scroller, state.step, cell);
    }
    paint();
  };
  onWidth(scroller, resize);
  scroller.addEventListener("scroll", () => {
    paint();
    for (const other of document.querySelectorAll(".scroller")) other.scrollLeft = scroller.scrollLeft; // one clock
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  inner.addEventListener("click", (event) => {
    if (event.target.closest(".message")) return;
    state.seek(Math.ceil((event.clientX - inner.getBoundingClientRect().left) / cell));
  });
  state.follow(({ step, message }) => {
    if (state.cell && state.cell !== cell) resize();
    messages.show(step, message);
    if (cell) placeCursor(cursor, scroller, step, cell);
  });
}

function zoomOf(panel, state) {
  const label = make(panel, "label", { class: "zoom" }, "Width of a step ");
  const zoom = make(label, "input", { type: "range", min: WIDTHS.least, max: WIDTHS.most });
  zoom.addEventListener("input", () => state.select({ cell: Number(zoom.value) }));
  return zoom;
}

function drawNames(frame, replay, height) {
  const svg = draw(frame, "svg", { class: "names", width: 34, height, "aria-hidden": true });
  replay.names.forEach((name, agent) => {
    const text = draw(svg, "text", { x: 2, y: TOP + agent * LANE + BAR / 2 + 5 }, name);
    draw(text, "title", {}, replay.agents[agent]);
  });
}

// Before the first step there is no cell; the cursor is then a line at the left edge.
function placeCursor(cursor, scroller, step, cell) {
  const x = Math.max(0, step - 1) * cell;
  cursor.setAttribute("x", x);
  cursor.setAttribute("width", step === 0 ? 2 : cell);
  const { scrollLeft, clientWidth } = scroller;
  if (x < scrollLeft || x + cell > scrollLeft + clientWidth) scroller.scrollLeft = x - clientWidth / 2;
}

function legend(panel, replay) {
  const list = make(panel, "ul", { class: "legend", "aria-label": "Uses of time and channels" });
  for (const { name, colour } of [...USES, DEBT]) swatch(list, name === "debt" ? "debt, and its payment" : name, colour);
  replay.channels.forEach((name, n) => {
    const item = make(list, "li");
    const svg = draw(item, "svg", { width: 20, height: 12, "aria-hidden": true });
    draw(svg, "path", { d: "M1,10C6,0 14,0 19,10", fill: "none", stroke: CHANNELS[n], "stroke-width": 2.5 });
    make(item, "span", {}, `${name} message`);
  });
  make(make(list, "li"), "span", {}, "dashed: not read yet; × refused; a number is the subtask that is worked on from there");
}

function swatch(list, name, colour) {
  const item = make(list, "li");
  const svg = draw(item, "svg", { width: 12, height: 12, "aria-hidden": true });
  draw(svg, "rect", { width: 12, height: 12, rx: 2, class: "swatch" }).style.fill = colour;
  make(item, "span", {}, name);
}

// A small chart over the steps: its curves are drawn once for a width, and only the cursor moves.
import { max, min } from "d3-array";
import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { line } from "d3-shape";
import { draw, make, onWidth } from "./elements.js";
import { number } from "./replay.js";

const EDGE = { left: 40, right: 16, top: 8, bottom: 22 };
const HEIGHT = 150;

// Curves are {name, values, colour, dashed}, one value for each step from 0 on.
export function chart(parent, replay, state, title, curves, range) {
  const panel = make(parent, "section", { class: "panel chart" });
  make(panel, "h3", {}, title);
  const frame = make(panel, "div", { class: "chart-frame" });
  const svg = select(draw(frame, "svg", { height: HEIGHT, role: "img", "aria-label": `${title} over the steps` }));
  const values = make(panel, "ul", { class: "legend values" });
  const rows = curves.map((curve) => legendRow(values, curve));
  let cursor = null;
  let scaleX = null;
  const show = ({ step }) => {
    if (cursor) cursor.attr("x1", scaleX(step)).attr("x2", scaleX(step));
    curves.forEach((curve, n) => (rows[n].textContent = number(curve.values[Math.min(step, curve.values.length - 1)])));
  };
  onWidth(frame, (width) => {
    scaleX = scaleLinear([0, replay.steps], [EDGE.left, width - EDGE.right]);
    cursor = drawChart(svg.attr("width", width), curves, scaleX, range);
    show(state);
  });
  svg.on("click", (event) => state.seek(scaleX.invert(event.clientX - svg.node().getBoundingClientRect().left)));
  state.follow(show);
}

function drawChart(svg, curves, x, range) {
  const all = curves.flatMap(({ values }) => values.filter((value) => value !== null));
  const [low, high] = range ?? [Math.min(0, min(all) ?? 0), Math.max(0, max(all) ?? 1) || 1];
  const y = scaleLinear([low, high], [HEIGHT - EDGE.bottom, EDGE.top]);
  svg.selectAll("*").remove();
  const columns = Math.max(2, Math.floor(x.range()[1] / 70));
  svg.append("g").attr("class", "axis").attr("transform", `translate(0,${HEIGHT - EDGE.bottom})`).call(axisBottom(x).ticks(columns));
  svg.append("g").attr("class", "axis").attr("transform", `translate(${EDGE.left},0)`).call(axisLeft(y).ticks(4));
  if (low < 0 && high > 0) svg.append("path").attr("class", "zero").attr("d", `M${EDGE.left},${y(0)}H${x.range()[1]}`);
  const shape = line((_, step) => x(step), (value) => y(value)).defined((value) => value !== null);
  for (const { values, colour, dashed } of curves) {
    const path = svg.append("path").attr("class", "curve").attr("d", shape(values)).attr("stroke", colour);
    if (dashed) path.attr("stroke-dasharray", "5 4");
  }
  return svg.append("line").attr("class", "cursor-line").attr("y1", EDGE.top).attr("y2", HEIGHT - EDGE.bottom);
}

function legendRow(list, { name, colour, dashed }) {
  const item = make(list, "li");
  const svg = draw(item, "svg", { width: 22, height: 10, "aria-hidden": true });
  draw(svg, "path", { d: "M1,5H21", stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dashed ? "5 4" : undefined });
  make(item, "span", {}, `${name} `);
  return make(item, "b");
}

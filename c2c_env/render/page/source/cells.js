// The cells of the lanes, painted on a canvas as wide as what is seen, since a long episode has ten thousand of them.
import { DEBT, USES } from "./colours.js";
import { inkOnColour } from "./ink.js";

export const TOP = 18; // pixels for the numbers of steps
export const LANE = 30; // from one lane to the next
export const BAR = 20; // of the cells in it
const STRIP = 4; // below them, for the debt

export function paintCells(canvas, scroller, replay, episode, cell) {
  const width = scroller.clientWidth;
  const height = TOP + replay.agents.length * LANE;
  const scale = devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const brush = canvas.getContext("2d");
  brush.scale(scale, scale);
  brush.translate(-scroller.scrollLeft, 0);
  const first = Math.floor(scroller.scrollLeft / cell) + 1;
  const last = Math.min(episode.steps, Math.ceil((scroller.scrollLeft + width) / cell));
  const theme = themeOf(canvas);
  paintClock(brush, theme, cell, first, Math.min(replay.steps, Math.ceil((scroller.scrollLeft + width) / cell)));
  for (let step = first; step <= last; step += 1) {
    for (let agent = 0; agent < replay.agents.length; agent += 1) {
      paintCell(brush, theme, replay, episode, cell, step, agent);
      if (step === first || begins(episode, step, agent)) paintSubtask(brush, theme, episode, cell, step, agent);
    }
  }
}

function themeOf(canvas) {
  const style = getComputedStyle(canvas);
  const named = (colour) => colour.replace(/var\((--\w+)\)/, (_, name) => style.getPropertyValue(name).trim());
  return { ink: style.color, faint: named("var(--line)"), uses: USES.map(({ colour }) => named(colour)), debt: named(DEBT.colour) };
}

function paintClock(brush, theme, cell, first, last) {
  const every = [1, 2, 5, 10, 20, 50, 100].find((n) => n * cell >= 34) ?? 100;
  brush.font = "11px system-ui, sans-serif";
  brush.textAlign = "center";
  brush.fillStyle = theme.ink;
  for (let step = first; step <= last; step += 1) {
    if (step % every === 0) brush.fillText(String(step), (step - 0.5) * cell, 12);
  }
}

function paintCell(brush, theme, replay, episode, cell, step, agent) {
  const x = (step - 1) * cell;
  const y = TOP + agent * LANE;
  const gap = cell >= 7 ? 1 : 0;
  const uses = episode.hours[step - 1][agent];
  const used = uses.reduce((sum, value) => sum + value, 0);
  const scale = BAR / Math.max(replay.dt, used);
  let top = y + BAR;
  uses.forEach((value, use) => {
    top -= value * scale;
    brush.fillStyle = theme.uses[use];
    brush.fillRect(x, top, cell - gap, value * scale);
  });
  brush.fillStyle = theme.debt; // what is missing to the whole step went into the debt
  brush.fillRect(x, y, cell - gap, Math.max(0, top - y));
  const owed = Math.min(1, episode.debt[step][agent] / replay.dt);
  brush.fillRect(x, y + BAR + 1, cell - gap, STRIP * owed);
}

// Whether an agent works on another subtask than in the step before.
const begins = ({ work }, step, agent) => step === 1 || work[step - 1][agent] !== work[step - 2][agent];

function paintSubtask(brush, theme, episode, cell, step, agent) {
  const k = episode.work[step - 1][agent];
  if (k < 0 || cell < 9) return;
  const uses = episode.hours[step - 1][agent];
  brush.fillStyle = inkOnColour(theme.uses[uses.indexOf(Math.max(...uses))]);
  brush.fillText(String(k), (step - 0.5) * cell, TOP + agent * LANE + BAR / 2 + 4);
}

// The clock: buttons, the slider with the marks of events, and the keys that do the same.
import { EVENTS } from "./colours.js";
import { button, draw, make, onWidth } from "./elements.js";
import { number, within } from "./replay.js";

const SPEEDS = [1, 2, 5, 10, 20];
const THUMB = 16; // pixels, as in the style
const ROW = 11; // pixels of a row of marks

export function controls(page, replay, state) {
  const bar = make(page, "section", { class: "controls", "aria-label": "Clock" });
  const buttons = make(bar, "div", { class: "buttons" });
  const player = makePlayer(replay, state);
  button(buttons, "|◀", { "aria-label": "First step", title: "First step (Home)" }, () => state.seek(0));
  button(buttons, "◀", { "aria-label": "Step back", title: "Step back (left arrow)" }, () => state.seek(state.step - 1));
  const play = button(buttons, "", { class: "play", title: "Play or pause (space)" }, player.toggle);
  button(buttons, "▶", { "aria-label": "Step forth", title: "Step forth (right arrow)" }, () => state.seek(state.step + 1));
  button(buttons, "▶|", { "aria-label": "Last step", title: "Last step (End)" }, () => state.seek(replay.steps));
  button(buttons, "Previous event", { title: "Previous event (p)" }, () => state.toEvent(-1));
  button(buttons, "Next event", { title: "Next event (n)" }, () => state.toEvent(1));
  speedChoice(buttons, player);
  const clock = make(buttons, "output", { class: "clock", role: "status", "aria-live": "polite" });
  const slider = sliderOf(bar, replay, state);
  events(page, replay, state, slider);
  player.follow((playing) => {
    play.textContent = playing ? "Pause" : "Play";
    clock.setAttribute("aria-live", playing ? "off" : "polite"); // nobody can listen to twenty steps a second
  });
  state.follow(({ step }) => {
    slider.value = step;
    slider.setAttribute("aria-valuetext", said(replay, step));
    clock.textContent = said(replay, step);
  });
  addEventListener("keydown", (event) => pressed(event, replay, state, player));
}

function said(replay, step) {
  const ended = replay.episodes.filter((episode) => step > episode.steps).map(({ letter }) => `${letter} has ended`);
  return [`Step ${step} of ${replay.steps}, ${number(step * replay.dt, 1)} h`, ...ended].join(", ");
}

function makePlayer(replay, state) {
  let timer = 0;
  let speed = 5;
  const followers = [];
  const set = (playing) => {
    clearInterval(timer);
    timer = playing ? setInterval(forth, 1000 / speed) : 0;
    followers.forEach((act) => act(playing));
  };
  const forth = () => {
    state.seek(state.step + 1);
    if (state.step >= replay.steps) set(false);
  };
  return {
    toggle() {
      if (!timer && state.step >= replay.steps) state.seek(0);
      set(!timer);
    },
    setSpeed(steps) {
      speed = steps;
      if (timer) set(true);
    },
    follow(act) {
      followers.push(act);
      act(false);
    },
  };
}

function speedChoice(parent, player) {
  const label = make(parent, "label", {}, "Speed ");
  const choice = make(label, "select");
  for (const speed of SPEEDS) make(choice, "option", { value: speed }, `${speed} ${speed === 1 ? "step" : "steps"} a second`);
  choice.value = "5";
  choice.addEventListener("change", () => player.setSpeed(Number(choice.value)));
}

function sliderOf(bar, replay, state) {
  const slider = make(bar, "input", { type: "range", min: 0, max: replay.steps, step: 1, "aria-label": "Step" });
  slider.addEventListener("input", () => state.seek(Number(slider.value)));
  return slider;
}

function events(page, replay, state, slider) {
  const panel = make(page, "section", { class: "events", "aria-label": "Events below the slider" });
  const marks = draw(panel, "svg", { class: "marks", role: "img", "aria-label": "Events by step: the keys n and p visit them" });
  marks.setAttribute("height", replay.episodes.length * (Object.keys(EVENTS).length * ROW + 4));
  onWidth(slider, (width) => drawMarks(marks, replay, state, width));
  legend(panel);
  make(panel, "p", { class: "hint" }, "Keys: space plays, arrows step, Home and End, n and p go to the next and previous event, Escape clears the selection.");
}

function drawMarks(marks, replay, state, width) {
  marks.replaceChildren();
  const kinds = Object.keys(EVENTS);
  const place = (step) => THUMB / 2 + (step / Math.max(1, replay.steps)) * (width - THUMB);
  replay.episodes.forEach((episode, n) => {
    const top = n * (kinds.length * ROW + 4);
    const end = place(within(episode, replay.steps));
    draw(marks, "rect", { x: THUMB / 2, y: top, width: end - THUMB / 2, height: kinds.length * ROW, class: "band" });
    if (replay.compared) draw(marks, "text", { x: 0, y: top + 2.5 * ROW, class: "small" }, episode.letter);
    for (const event of episode.events) {
      const row = kinds.indexOf(event.kind);
      if (row < 0) continue;
      const mark = markOf(marks, event.kind, place(event.step), top + (row + 0.5) * ROW);
      draw(mark, "title", {}, `Step ${event.step}: ${EVENTS[event.kind].title}, subtask ${event.subtask}`);
      mark.addEventListener("click", () => {
        state.step = event.step;
        state.select({ subtask: event.subtask < 0 ? null : event.subtask, message: null });
      });
    }
  });
}

const SHAPES = {
  finished: ["circle", { r: 4 }],
  rework: ["path", { d: "M0,-4.5L4.5,4H-4.5Z" }],
  changed: ["path", { d: "M0,-5L5,0L0,5L-5,0Z" }],
  meeting: ["rect", { x: -3.5, y: -3.5, width: 7, height: 7 }],
  refused: ["path", { d: "M-4,-2.5L-2.5,-4L0,-1.5L2.5,-4L4,-2.5L1.5,0L4,2.5L2.5,4L0,1.5L-2.5,4L-4,2.5L-1.5,0Z" }],
};

function markOf(parent, kind, x, y) {
  const [shape, attributes] = SHAPES[kind];
  const placed = { transform: `translate(${x},${y})`, fill: EVENTS[kind].colour, class: `mark mark-${kind}` };
  return draw(parent, shape, { ...attributes, ...placed });
}

function legend(bar) {
  const list = make(bar, "ul", { class: "legend", "aria-label": "Marks of events" });
  for (const [kind, { title }] of Object.entries(EVENTS)) {
    const item = make(list, "li");
    markOf(draw(item, "svg", { width: 12, height: 12, "aria-hidden": true }), kind, 6, 6);
    make(item, "span", {}, title);
  }
}

function pressed(event, replay, state, player) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  const target = event.target;
  if (target instanceof HTMLSelectElement) return;
  const presses = target instanceof HTMLButtonElement || target.tagName === "SUMMARY";
  const slides = target instanceof HTMLInputElement || (target instanceof Element && target.matches(".scroll"));
  const acts = {
    " ": presses ? null : player.toggle,
    ArrowRight: slides ? null : () => state.seek(state.step + 1),
    ArrowLeft: slides ? null : () => state.seek(state.step - 1),
    Home: slides ? null : () => state.seek(0),
    End: slides ? null : () => state.seek(replay.steps),
    n: () => state.toEvent(1),
    p: () => state.toEvent(-1),
    Escape: () => state.select({ subtask: null, agent: null, message: null }),
  };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

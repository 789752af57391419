// Where two episodes part: the first step in which somebody decides something else.
import { button, make } from "./elements.js";
import { within } from "./replay.js";

export function comparison(page, replay, state) {
  if (!replay.compared) return;
  const panel = make(page, "section", { class: "panel compare" });
  make(panel, "h3", {}, "Where the two episodes part");
  const found = replay.firstDifference;
  if (!found) {
    make(panel, "p", {}, "All agents decided the same in every step.");
    return;
  }
  button(panel, "Go to the first action that differs", { class: "first-difference" }, () => {
    state.step = within({ steps: replay.steps }, found.step);
    state.select({ agent: found.agent });
  });
  make(panel, "p", {}, found.agent === null ? `All actions are the same until step ${found.step - 1}, at which one episode ends.` : `In step ${found.step}, ${replay.agents[found.agent]} decides something else.`);
  if (found.agent === null) return;
  for (const episode of replay.episodes) {
    make(panel, "p", {}, `${episode.letter}, ${episode.policy}: ${decision(replay, episode, found)}`);
  }
}

// The parts of an action: work, speech, recipient, topic, and perhaps a symbol.
function decision(replay, episode, { step, agent }) {
  const [, speech, recipient, topic] = episode.actions[step - 1][agent];
  const work = episode.wanted[step - 1][agent];
  const does = work < 0 ? "does not work" : `works on subtask ${work}`;
  if (!speech) return `it ${does} and says nothing.`;
  const to = recipient < replay.agents.length ? replay.agents[recipient] : "the whole team";
  return `it ${does} and says ${replay.speeches[speech].replace("_", " ")} to ${to} about subtask ${topic}.`;
}

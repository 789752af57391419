// What prompted agents were asked and answered at the present step.
import { make } from "./elements.js";

export function texts(parent, replay, state) {
  if (!replay.episodes.some((episode) => episode.texts.length)) return;
  const panel = make(parent, "section", { class: "panel texts", "aria-label": "Prompts and answers" });
  let shown = -1;
  state.follow(({ step }) => {
    if (step === shown) return;
    shown = step;
    panel.replaceChildren();
    make(panel, "h3", {}, "Prompts and answers of this step");
    const found = replay.episodes.flatMap((episode) => episode.texts.filter((text) => text.step === step).map((text) => [episode, text]));
    if (!found.length) make(panel, "p", { class: "hint" }, "Nobody was asked at this step.");
    for (const [episode, text] of found) showText(panel, replay, episode, text);
  });
}

function showText(panel, replay, episode, { agents, prompt, answer, label, ...costs }) {
  const box = make(panel, "article", {});
  const who = agents.map((agent) => replay.agents[agent]).join(", ");
  make(box, "h4", {}, replay.compared ? `${episode.letter}: ${who}` : who);
  make(box, "p", {}, facts(label, costs));
  make(box, "pre", { class: "answer" }, answer);
  const asked = make(box, "details");
  make(asked, "summary", {}, "Prompt");
  for (const { role, content } of prompt) {
    make(asked, "h5", {}, role);
    make(asked, "pre", {}, content);
  }
}

function facts(label, costs) {
  const found = label ? [`The answer is ${label}`, ...spent(costs)] : spent(costs);
  return found.length ? `${found.join(", ")}.` : "";
}

function spent({ prompt_tokens: asked, answer_tokens: answered, money }) {
  const parts = [];
  if (asked !== null) parts.push(`${asked} tokens of the prompt`);
  if (answered !== null) parts.push(`${answered} tokens of the answer`);
  if (money !== null) parts.push(`money ${money.toPrecision(3)}`);
  return parts;
}

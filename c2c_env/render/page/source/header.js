// What is shown: the workflow, who played it, and with which seed.
import { make } from "./elements.js";
import { number } from "./replay.js";

export function header(page, replay) {
  const top = make(page, "header");
  const { name, title, tier } = replay.workflow;
  make(top, "h1", {}, title || name);
  const facts = make(top, "ul", { class: "facts" });
  const policies = replay.episodes.map(({ letter, policy }) => (replay.compared ? `${letter}: ${policy}` : policy));
  fact(facts, "workflow", `${name} (${tier})`);
  fact(facts, replay.compared ? "policies" : "policy", policies.join(", "));
  fact(facts, "seed", String(replay.seed));
  fact(facts, "team", `${replay.agents.length} agents`);
  fact(facts, "step", `${replay.dt} h`);
  fact(facts, "no team is faster than", `${number(replay.lower_bound, 1)} h`);
  for (const episode of replay.episodes) {
    const hours = number(episode.steps * replay.dt, 1);
    const end = episode.success ? `done after ${hours} h` : `not done after ${hours} h`;
    fact(facts, replay.compared ? `outcome of ${episode.letter}` : "outcome", end);
  }
}

function fact(list, name, value) {
  const item = make(list, "li");
  make(item, "span", {}, `${name} `);
  make(item, "b", {}, value);
}

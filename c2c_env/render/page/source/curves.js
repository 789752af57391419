// Progress, alignment, communication and reward over the steps; a click goes to a step.
import { chart } from "./chart.js";
import { lineColour } from "./colours.js";
import { make } from "./elements.js";

export function curves(page, replay, state) {
  const grid = make(page, "section", { class: "charts", "aria-label": "Curves over the steps" });
  const each = (values) =>
    replay.episodes.map((episode) => ({
      name: replay.compared ? `${episode.letter} ${episode.policy}` : episode.policy,
      values: values(episode),
      colour: lineColour(episode.index),
      dashed: episode.index > 0,
    }));
  chart(grid, replay, state, "Progress", each(({ progress }) => progress), [0, 1]);
  chart(grid, replay, state, "Mean alignment", each((episode) => episode.mean_alignment), [0, 1]);
  chart(grid, replay, state, "Communication, hours", each((episode) => episode.communication_hours));
  chart(grid, replay, state, "Reward so far, by term", rewards(replay));
  if (replay.compared) chart(grid, replay, state, "Progress of A minus progress of B", [difference(replay)]);
}

function rewards(replay) {
  return replay.episodes.flatMap((episode) =>
    replay.reward_terms.map((term, n) => ({
      name: replay.compared ? `${episode.letter} ${term}` : term,
      values: episode.rewards[n],
      colour: lineColour(n),
      dashed: episode.index > 0,
    })),
  );
}

// An episode that ended earlier stays at its end.
function difference({ episodes: [left, right], steps }) {
  const at = ({ progress }, step) => progress[Math.min(step, progress.length - 1)];
  const values = Array.from({ length: steps + 1 }, (_, step) => at(left, step) - at(right, step));
  return { name: "A − B", values, colour: lineColour(2), dashed: false };
}

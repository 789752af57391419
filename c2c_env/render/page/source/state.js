// The step and the selection, who follows them, and the address that holds them.
const DELAY = 150; // milliseconds: browsers refuse to change the address in every frame

export function makeState(replay) {
  const followers = [];
  const state = {
    step: 0,
    subtask: null, // an index
    agent: null, // an index
    message: null, // the indices of an episode and of a message in it
    follow: (act) => followers.push(act),
    announce: () => followers.forEach((act) => act(state)),
    seek(step) {
      const next = Math.max(0, Math.min(replay.steps, Math.round(step)));
      if (next === state.step) return;
      state.step = next;
      state.announce();
    },
    select(change) {
      Object.assign(state, change);
      state.announce();
    },
    toEvent(direction) {
      const steps = direction > 0 ? replay.eventSteps : [...replay.eventSteps].reverse();
      const found = steps.find((step) => (step - state.step) * direction > 0);
      if (found !== undefined) state.seek(found);
    },
    read: (hash) => Object.assign(state, readHash(replay, hash)),
  };
  state.read(location.hash);
  return state;
}

export function keepAddress(state) {
  let timer = 0;
  state.follow(() => {
    clearTimeout(timer);
    timer = setTimeout(() => write(hashOf(state)), DELAY);
  });
  addEventListener("hashchange", () => {
    state.read(location.hash);
    state.announce();
  });
}

// Where a page runs apart from others, a browser may forbid it to change the address; the page works without that.
function write(hash) {
  try {
    history.replaceState(null, "", hash);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

export function hashOf({ step, subtask, agent, message }) {
  const parts = new URLSearchParams({ step });
  if (subtask !== null) parts.set("subtask", subtask);
  if (agent !== null) parts.set("agent", agent);
  if (message !== null) parts.set("message", message.join("."));
  return `#${parts}`;
}

// Whatever the address says, the result is a step and a selection that exist.
function readHash(replay, hash) {
  const parts = new URLSearchParams(hash.slice(1));
  const step = index(parts.get("step"), replay.steps + 1) ?? 0;
  const [episode, place] = (parts.get("message") ?? "").split(".");
  const e = index(episode, replay.episodes.length);
  const m = e === null ? null : index(place, replay.episodes[e].messages.length);
  return {
    step,
    subtask: index(parts.get("subtask"), replay.subtasks.length),
    agent: index(parts.get("agent"), replay.agents.length),
    message: m === null ? null : [e, m],
  };
}

function index(text, count) {
  return /^\d{1,9}$/.test(text ?? "") && Number(text) < count ? Number(text) : null;
}

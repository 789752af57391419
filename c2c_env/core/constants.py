"""Numbers that stand for names. Plain integers, since the compiled functions read them as constants."""

from __future__ import annotations

# speech: the second part of an action
SILENT, CHAT_TELL, CHAT_ASK, EMAIL_TELL, EMAIL_ASK, MEET, ASSIGN = range(7)
SPEECHES = ("silent", "chat_tell", "chat_ask", "email_tell", "email_ask", "meet", "assign")
NUM_SPEECHES = len(SPEECHES)

# channels, and the channel of each speech (a silent agent uses none)
CHAT, EMAIL, MEETING = range(3)
CHANNELS = ("chat", "email", "meeting")
NUM_CHANNELS = len(CHANNELS)
CHANNEL_OF_SPEECH = (-1, CHAT, CHAT, EMAIL, EMAIL, MEETING, CHAT)
QUESTION_OF_CHANNEL = (CHAT_ASK, EMAIL_ASK, MEET)  # by which one learns something through it
ASKS = tuple(name.endswith("_ask") for name in SPEECHES)  # whether a speech is a question, which opens a request

# facets of understanding, in the order of every last axis of length 4
INTENT, INTERFACE, CONSTRAINTS, CONTEXT = range(4)
NUM_FACETS = 4

# status of a subtask
BLOCKED, READY, DONE = range(3)
STATUSES = ("blocked", "ready", "done")
NUM_STATUSES = len(STATUSES)

MANAGER = 0
NOBODY = -1  # no agent, no subtask, no request

# parts of the action of one agent
WORK, SPEECH, RECIPIENT, TOPIC, SYMBOL, VARIANT = range(6)
ACTION_PARTS = ("work", "speech", "recipient", "topic", "symbol", "variant")
NUM_PARTS = len(ACTION_PARTS)

# terms of the reward
PROGRESS, ALIGNMENT, COMMUNICATION, TIME, FORECAST, INFORMATION = range(6)
REWARD_TERMS = ("progress", "alignment", "communication", "time", "forecast", "information")
NUM_TERMS = len(REWARD_TERMS)
LEAST_WEIGHTS = TIME + 1  # that have to be given; a later term without a weight has the weight 0

# what `transition.run_rows` is asked to do: start an episode, step, or only write what is seen
RESET, STEP, SHOW = range(3)

# streams of random numbers
STREAM_EPISODE, STREAM_WORKFLOW, STREAM_VOLATILITY, STREAM_REWORK, STREAM_ACTION = range(5)
STREAM_FACT = 5

# sums over an episode, kept for the metrics
(
    WORK_HOURS,
    COMMUNICATION_HOURS,
    MEETING_HOURS,
    WASTED_HOURS,
    ALIGNED_HOURS,  # sum of hours worked x Alignment Factor
    REQUESTS,
    ANSWERS,
    ANSWER_DELAY,  # steps, summed over answers
    REWORKS,
    REQUIREMENT_CHANGES,
    INVALID_ACTIONS,
) = range(11)
NUM_TALLIES = 11

# two real-number readings that rounding must not change
LEAST_WORK_HOURS = 1e-9  # hours left for work below this are none: they are sums of multiples of 0.05 h
DONE_TOLERANCE = 1e-6  # effort left with which a subtask is finished: a share of its effort, of an hour at most

# fields of an observation; `layout.OBSERVATION_FIELDS` gives their names, shapes and meanings
(
    OBS_TIME_USED,
    OBS_ROLES,
    OBS_SKILLS,
    OBS_STATUS,
    OBS_REMAINING,
    OBS_EFFORT,
    OBS_COMPLEXITY,
    OBS_DOMAIN,
    OBS_PREREQUISITES_LEFT,
    OBS_DEPENDENTS_LEFT,
    OBS_CRITICAL_PATH,
    OBS_INTERFACE_WEIGHT,
    OBS_OWNER,
    OBS_INTERFACE_HOLDERS,
    OBS_WORKING_ON,
    OBS_SELF,
    OBS_OWN_INDEX,
    OBS_OWN_ROLE,
    OBS_OWN_SKILLS,
    OBS_OWN_DEBT,
    OBS_OWN_UNDERSTANDING,
    OBS_OWN_ALIGNMENT,
    OBS_OWN_SKILL,
    OBS_OWN_WORK,
    OBS_REQUEST_TO_ME,
    OBS_REQUEST_BY_ME,
    OBS_MESSAGE_SPEECH,
    OBS_MESSAGE_RECENCY,
    OBS_MESSAGE_SYMBOL,
    OBS_ASKS_ME,
    OBS_ASKED,
    OBS_MESSAGE_TOPIC,
    OBS_KNOWN_FACT,
) = range(33)
NUM_OBS_FIELDS = 33

# relations between an agent and each teammate whose topic is shown to it (last axis of `Outputs.shown_topic`), in the
# order of the fields of their topics and of their ages
ASKS_ME, ASKED, LAST_READ = range(3)
NUM_RELATIONS = 3
CONTACT_PARTS = ("who sees it", "to whom", "relation")  # of an entry of `State.contacts`
NOTHING_SHOWN = -1  # before the first observation of an episode
NO_STEP = -1  # of what has not happened
NUM_HOLDERS = 3  # interface holders listed per subtask with relations="index"
EFFORT_SCALE = 5.0  # hours h are written as h / (h + EFFORT_SCALE), a bounded and invertible scale
MAX_COMPLEXITY = 2.5

# lengths of the axes of arrays that these tables fix, by the names that `arrays` and `observation.layout` use
AXES = {
    "FACETS": NUM_FACETS,
    "CHANNELS": NUM_CHANNELS,
    "SPEECHES": NUM_SPEECHES,
    "SPOKEN": NUM_SPEECHES - 1,  # without silence
    "PARTS": NUM_PARTS,
    "TERMS": NUM_TERMS,
    "STATUSES": NUM_STATUSES,
    "RELATIONS": NUM_RELATIONS,
    "CONTACT_PARTS": len(CONTACT_PARTS),
    "HOLDERS": NUM_HOLDERS,
}

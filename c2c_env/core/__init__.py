"""How a step works: plain functions over one environment's row of a batch of arrays.

Every function takes the static `Params` p, the `State` s and the row b. The same source runs interpreted (for
reading, debugging and coverage) and compiled (`compile.cpu`, or `compile.cuda` for a GPU), bit for bit alike: all
state and arithmetic is 64-bit, and what learners read is rounded to 32 bits. Nothing is allocated per step.

Compiled functions keep their names short: i and j are agents, k, q and d subtasks, f a facet, w a packed workflow, n a
place in a list, o and x an index of an observation or a mask, and t a step.

The stages of a step, in this order (`transition.step_row`):

0. Actions are taken: what the mask forbids becomes no work or silence. Then t += 1.
1. `events`: requirements change with the workflow's volatility; only the manager knows the new ones.
2. `messages`: what is due is read, in the order sent (step, then sender). A tell closes the share tau of the gap to the
   sender's understanding when it was sent, tau = r**kappa, or r**(kappa/2) if it answers the reader's request to the
   sender; a question opens a request, one per ordered pair.
3. `messages`: requests older than 8 steps expire.
4. `messages`: meetings, proposers visited in the order (t + o) mod N; all participants move towards the best of them.
5. `messages`: chats and emails leave with the sender's understanding; assign sets the owner at once.
6. `work`: communication is paid from the step's hours, the excess is carried over as debt.
7. `work`: per ready subtask the owner works, else the most skilled of those who chose it, who becomes the owner;
   remaining -= hours x skill x Alignment Factor, and the worker's context grows. With hidden facts, work in
   another variant than the subtask's fact changes nothing of this: its hours are wasted.
8. `work`: a subtask with nothing left (at most 1e-6 x min(1, effort)) is done, or comes back with probability
   0.5 (1 - mean alignment of its work). Then every milestone, a subtask of effort 0, is done whose prerequisites are.

`rewards`, `actions` (masks) and `observation.writing` then write what the agents get.

Where these rules could be read in two ways, this is the reading:

- Hours are real numbers: ten times 0.05 h is half an hour, and leaves no time for work in a step of 0.5 h.
- An illegal message is dropped whole and costs nothing; illegal work leaves the message as it is. Assigning to the
  whole team tells everybody and changes no owner.
- A message about a subtask that is done by now is delivered and paid. A tell closes a request only about the same
  subtask. A request's age counts from when it was read.
- The best of a meeting is the best in each facet; its tau is r**kappa, also where it answers a request.
- A judge of messages (off by default) scales the tau of a message or a meeting by its score (`State.judged`).
- "Worked on" means hours were really put in. The mean alignment of a subtask's work is over all hours since the reset.
- Progress is 1 - remaining effort / total effort, so rework lowers it.
- Who gets credit for alignment is decided when the message is read or the meeting held, by whose alignment counts then.
- Discrete catalogue: speeches are speech-major, assignments subtask-major; whoever assigns goes on with its own work.
  The whole team is told about, or met on, one's own subtask; a request about a finished subtask is passed over.
- A milestone is done by nobody: nobody learns from it, and whoever was assigned to it holds no interface. A chain of
  milestones is passed at once, at a reset too. An unfinished one may be talked about and assigned like any subtask.
- Whoever works in a wrong variant owns the subtask and is seen at work on it, as after any work, but finishes nothing.
  The fact of a subtask is known to the manager and to whoever has made progress on it. Who is outrun by its worker
  chooses no variant; a choice that does not exist is illegal work, and without work means nothing.
- Own facet weights: interface is 0 without prerequisites, then the weights are normalised.
"""

"""How a step works: plain functions over one environment's row of a batch of arrays.

Every function takes the static `Params` p, the `State` s and the row b. The same source runs interpreted (for
reading, debugging and coverage) and compiled (`backends`), bit for bit alike: all state and arithmetic is 64-bit, what
the faces hand out is rounded to 32 bits. Nothing is allocated per step.

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
   remaining -= hours x skill x Alignment Factor, and the worker's context grows.
8. `work`: a subtask with nothing left is done, or comes back with probability 0.5 (1 - mean alignment of its work).

`rewards`, `actions` (masks) and `observe` then write what the agents get.
"""

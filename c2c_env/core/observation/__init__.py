"""What each agent sees: the named layout of an observation, and the functions that write one."""

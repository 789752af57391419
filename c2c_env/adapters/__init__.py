"""The environment in the shapes of other libraries; each module imports its library when it is imported itself."""

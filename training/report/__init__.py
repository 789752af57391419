"""Results of a benchmark as the field reports them (Agarwal et al. 2021, arXiv 2108.13264), by the library rliable."""

"""What runs many jobs: processes of this machine, threads of this process, a Ray cluster."""

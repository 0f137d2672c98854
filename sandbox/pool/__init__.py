"""Processes: the zygote, its single-use children, and the host that hands them jobs."""

"""Functions that a model writes: once, checked, kept in a file, and run in the sandbox.

synthesise (:mod:`.prompt`, :mod:`.constraint`) → check (:mod:`.checks`) → repair
(:mod:`.synthesis`) → keep (:mod:`.kept`) → run (:mod:`.decorator`)
"""

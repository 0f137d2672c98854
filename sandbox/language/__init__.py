"""The language that foreign code is written in: Python, less what reaches into the interpreter.

Three steps: the syntax tree is checked and rewritten (:mod:`~sandbox.language.transformer`), the
result is compiled, and it runs with guards for the steps that the tree cannot judge
(:mod:`~sandbox.language.access`). This is the first wall of several and no boundary of its own.
"""

from sandbox.language.program import FILENAME, Program, check, compiled, program
from sandbox.language.refusal import Denied, NotAllowed, Problem
from sandbox.language.text import Prints

__all__ = [
    "FILENAME",
    "Denied",
    "NotAllowed",
    "Prints",
    "Problem",
    "Program",
    "check",
    "compiled",
    "program",
]

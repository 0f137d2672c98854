"""Run code that a model wrote, without trusting it.  Nothing is offered in this version."""

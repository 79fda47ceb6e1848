"""The decisions, and nothing else: no I/O, no clock, no logging, no async.

``step(state, event, now) -> (state, effects)`` takes what happened and when, and says what is to
be done, in order; ``next_deadline(state)`` says when to ask again if nothing happens. Import the
pieces from their modules: `model`, `events`, `effects`, `machine`.
"""

"""How people and programs hear of it: the log, the journal behind ``status``, systemd.

Everything here is an `Audience` of the supervisor or a `Heartbeat`; nothing here decides.
"""

"""A stand-in for Telnyx that calls the running product over real sockets and judges by its own log alone.

leg.py rules.py playout.py hearing.py mouth.py transcription.py codec.py   pure: what is legal, what is heard when
far_end.py          one call's far end: speaks, listens, hangs up
webhooks.py media.py server.py commands.py   the three wires, and what each command does
faults.py config.py log.py speech.py         misbehaviour, settings, the record, the words
carrier.py          `RehearsalCarrier`: start, ring, stop

Nothing is imported here: a web process that reads a scenario needs the faults, not the servers.
"""

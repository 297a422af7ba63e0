"""The shell of a running call, on the worker that owns it.

`session.py` one call: inbox, waits until the next deadline, dispatches commands. `speaker.py` says things,
`thinker.py` asks the model, `ear.py` turns caller audio into a handful of events, `leg_commands.py` asks the carrier.
`registry.py` the worker's sessions and how other workers' news reaches them. `services.py` what they all work with.
"""

"""A rehearsal in plain words, for a list that people read: what its caller does, step by step. Pure."""

from backend.rehearsal.scenario import Scenario, Step

_WAITS = {
    "agent_silent": "waits until the agent is silent",
    "agent_speaking": "waits until the agent speaks",
    "agent_answered": "waits until the agent has answered",
    "call_ended": "waits until the call has ended",
}


def caller_in_words(scenario: Scenario) -> list[str]:
    """One line for each step."""
    lines = [_step_in_words(step) for step in scenario.caller]
    if scenario.direction == "outbound":
        party = scenario.called_party
        says = f" and says “{party.says}”" if party.says else ""
        lines.insert(0, f"is called: a {party.as_} picks up after {party.after_s:g} s{says}")
    return lines


def _step_in_words(step: Step) -> str:
    before = f"{step.interrupt_after_s:g} s into the agent's words " if step.interrupt_after_s is not None else ""
    if step.say is not None:
        return f"{before}says “{step.say}”"
    if step.play is not None:
        lasts = f" for {step.for_s:g} s" if step.for_s is not None else ""
        return f"{before}makes a sound: {step.play.replace('_', ' ')}{lasts}"
    if step.press is not None:
        return f"presses {step.press}"
    if step.wait_s is not None:
        return f"waits {step.wait_s:g} s"
    if step.wait_until is not None:
        said = step.wait_until.removeprefix("agent_said_")
        return _WAITS.get(step.wait_until, f"waits until the agent has said {said} things")
    return "hangs up" if step.hang_up else "stays silent until the call is over"

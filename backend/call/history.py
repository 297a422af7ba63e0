"""What was said and heard, as the model and the record need it.

Decides: how the conversation is put to the model. Agent speech appears as far as the caller heard it: a piece that was
cut is cut at the last word heard, a piece nobody heard does not appear. One that was taken up again after a false
interruption is one entry: what was heard first, and what was heard of the rest. Times are the owner's monotonic seconds.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.call.agent_config import AgentConfig
from backend.call.playback import Piece, PieceState

Speaker = Literal["caller", "agent", "tool", "note"]


TONE_LASTS_S = 15.0
ABOUT_TONES = (
    "\n\nWhere a line of the caller begins with words in parentheses, they say how the voice sounded, as far as that can be "
    "measured. Answer accordingly, and never repeat or mention them."
)
_PLAIN = {
    "calm": "calmly",
    "lively": "in a lively voice",
    "tense": "in a tense voice",
    "subdued": "in a low, flat voice",
    "hesitant": "hesitating",
}


def in_plain_words(tone: str) -> str:
    """A label of ours in words, another analyser's as it is."""
    return _PLAIN.get(tone, f"sounding {tone}")


@dataclass(slots=True)
class Entry:
    """One thing said or noted."""

    speaker: Speaker
    text: str
    at: float
    pieces: list[Piece] = field(default_factory=list)
    """For the agent: the piece that says it, then each one that took it up again, with the words that were left."""
    tool: dict[str, Any] = field(default_factory=dict)
    """For a tool: its call id, name, arguments."""
    tone: str = ""
    """For the caller: how it sounded, as far as anybody said so."""

    def heard_text(self) -> str:
        """The text as the caller heard it; for pieces still under way, the whole text."""
        if not self.pieces:
            return self.text
        return " ".join(text for piece in self.pieces if (text := _heard_text(piece)))

    @property
    def standing(self) -> Literal["heard", "partly", "unheard", "failed"]:
        """What became of something the agent said, as far as is known."""
        last = self.pieces[-1]
        if last.state in (PieceState.HEARD, PieceState.SENDING, PieceState.SENT):
            return "heard"
        if any(_heard_text(piece) for piece in self.pieces if piece.state != PieceState.REQUESTED):
            return "partly"
        return "failed" if last.state == PieceState.FAILED else "unheard"


def _heard_text(piece: Piece) -> str:
    if piece.state == PieceState.FAILED:
        return ""
    if piece.state == PieceState.CLEARED:
        return " ".join(piece.text.split()[: piece.heard_words])
    return piece.text if piece.said_words is None else " ".join(piece.text.split()[: piece.said_words])


class History:
    """All entries of one call."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._tones: list[tuple[str, float]] = []
        """How the caller sounded in the seconds since their last words were noted."""

    def caller_said(self, text: str, now: float) -> None:
        entry = self.callers_line(text, now)
        self._tones.clear()
        self.entries.append(entry)

    def callers_line(self, text: str, now: float) -> Entry:
        """What `caller_said` would note."""
        tones = Counter(label for label, at in self._tones if now - at <= TONE_LASTS_S)
        return Entry("caller", text, now, tone=tones.most_common(1)[0][0] if tones else "")

    def tone_heard(self, label: str, now: float) -> None:
        """A second of the caller sounded like that; it belongs to the words that are noted next."""
        self._tones = [*self._tones[-30:], (label, now)]

    def agent_asked_to_say(self, piece: Piece, now: float) -> None:
        self.entries.append(Entry("agent", piece.text, now, [piece]))

    def taken_up_again(self, cut: Piece, rest: Piece) -> None:
        """`rest` says what was not heard of `cut`."""
        entry = next(entry for entry in reversed(self.entries) if cut in entry.pieces)
        entry.pieces.append(rest)

    def tool_used(self, tool_call_id: str, name: str, arguments: dict[str, Any], result: str, now: float) -> None:
        self.entries.append(Entry("tool", result, now, tool={"id": tool_call_id, "name": name, "arguments": arguments}))

    def note(self, text: str, now: float) -> None:
        """Something only the model needs to know."""
        self.entries.append(Entry("note", text, now))

    def messages(self, agent: AgentConfig, guess: Entry | None = None) -> tuple[dict[str, Any], ...]:
        """The conversation in the chat-completions form, adjacent agent sentences joined. `guess`: what may come next."""
        instructions = agent.instructions + (ABOUT_TONES if agent.tone_annotation else "")
        messages: list[dict[str, Any]] = [{"role": "system", "content": instructions}]
        for entry in [*self.entries, guess] if guess is not None else self.entries:
            match entry.speaker:
                case "caller":
                    sounds = f"({in_plain_words(entry.tone)}) " if agent.tone_annotation and entry.tone else ""
                    messages.append({"role": "user", "content": sounds + entry.text})
                case "note":
                    messages.append({"role": "system", "content": entry.text})
                case "agent":
                    self._append_agent_text(messages, entry.heard_text())
                case "tool":
                    self._append_tool(messages, entry)
        return tuple(messages)

    @staticmethod
    def _append_agent_text(messages: list[dict[str, Any]], text: str) -> None:
        if not text:
            return
        last = messages[-1]
        if last["role"] == "assistant" and "tool_calls" not in last:
            last["content"] += " " + text
        else:
            messages.append({"role": "assistant", "content": text})

    @staticmethod
    def _append_tool(messages: list[dict[str, Any]], entry: Entry) -> None:
        function = {"name": entry.tool["name"], "arguments": json.dumps(entry.tool["arguments"])}
        call = {"id": entry.tool["id"], "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": entry.tool["id"], "content": entry.text})

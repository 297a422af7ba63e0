/**
 * A conversation with an agent as its messages tell it (docs/client-websocket.md). Pure: what comes in changes a story, and
 * `talkClient.ts` does what must be done.
 */
export interface TalkLine {
  key: number;
  speaker: "caller" | "agent";
  text: string;
  isFinal: boolean;
  isCut: boolean;
}

export interface TalkStory {
  /** The call's id; null until the server has taken us. */
  sessionId: string | null;
  agentName: string;
  /** Whether the agent can hear a microphone; else only typed words reach it. */
  hearsAudio: boolean;
  lines: TalkLine[];
  /** Why it is over; null while it is not. */
  endReason: string | null;
  /** The last thing that the server refused, in words. */
  refusal: string | null;
}

export const NOT_BEGUN: TalkStory = { sessionId: null, agentName: "", hearsAudio: false, lines: [], endReason: null, refusal: null };

type Message = Record<string, unknown>;

export function hear(story: TalkStory, message: Message): TalkStory {
  switch (message["type"]) {
    case "session_start":
      return {
        ...story,
        sessionId: text(message["session_id"]),
        agentName: text(message["agent"]),
        hearsAudio: message["hears_audio"] === true,
        refusal: null,
      };
    case "transcript":
      return { ...story, lines: withLine(story.lines, message) };
    case "session_end":
      return { ...story, endReason: text(message["reason"]) };
    case "error":
      return { ...story, refusal: refusalText(text(message["code"]), text(message["message"])) };
    default:
      return story;
  }
}

function withLine(lines: TalkLine[], message: Message): TalkLine[] {
  const speaker = message["speaker"] === "agent" ? "agent" : "caller";
  const open = lines.findLastIndex((line) => line.speaker === speaker && !line.isFinal);
  const line: TalkLine = {
    key: lines[open]?.key ?? lines.length,
    speaker,
    text: text(message["text"]),
    isFinal: message["is_final"] === true,
    isCut: message["heard"] === "partly",
  };
  return open === -1 ? [...lines, line] : lines.with(open, line);
}

const REFUSALS: Record<string, string> = {
  no_such_agent: "This agent does not exist any more.",
  too_many_connections: "As many people as are allowed are talking already. Try again in a moment.",
  no_capacity: "All lines are busy. Try again in a moment.",
  stopping: "The server is being restarted. Try again in a moment.",
  unavailable: "The server cannot take the call now. Try again in a moment.",
  not_reading: "This browser did not keep up with the conversation.",
  not_listening: "This agent cannot hear a microphone here; type instead.",
  text_too_long: "That was too long to be said at once.",
};

export function refusalText(code: string, message: string): string {
  return REFUSALS[code] ?? (message || "The server refused.");
}

const REASONS: Record<string, string> = {
  caller_hung_up: "You hung up.",
  agent_hung_up: "The agent said goodbye.",
  caller_silent: "You were silent for so long that the agent hung up.",
  max_duration: "The longest duration was reached.",
  ended_by_command: "Somebody ended the conversation from the console.",
  worker_stopped: "The server was restarted.",
  failed: "Something failed on the server.",
};

export function endText(reason: string): string {
  return REASONS[reason] ?? `It ended: ${reason.replaceAll("_", " ")}.`;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

"""The words between a web worker and the STT sidecar, over one WebSocket per call.

Decides: the messages, their order, and what each close code means. Pure: text and numbers in, text and numbers out. Both
ends import it: `engines/stt_sidecar.py` (the client, in a web worker) and `workers/stt/` (the sidecar).

Audio is binary: mono int16 little-endian PCM at the rate of `start`, in messages of at most `LARGEST_AUDIO` bytes. An odd
number of bytes is counted and skipped, the session goes on. Everything else is one JSON object in a text message.

| from the client | when                           | fields                                                     |
|-----------------|--------------------------------|------------------------------------------------------------|
| `auth`          | first, within `AUTH_WITHIN_S`  | `token`                                                    |
| `start`         | second, once                   | `sample_rate` (8000 or 16000), `language`, optional `call` |
| (binary)        | after `start`                  | audio                                                      |
| `flush`         | the caller's voice fell silent | `id`: an integer that `flushed` returns                    |
| `reset`         | what was heard so far is void  | none: a new utterance begins, state is forgotten           |
| `stop`          | at the end                     | none: the last words come, then 1000                       |

| from the sidecar | when                                 | fields                                                       |
|------------------|--------------------------------------|--------------------------------------------------------------|
| `ready`          | authenticated and a seat is free     | `recogniser`                                                 |
| `transcript`     | words                                | `text`, `is_final`, `utterance` (from 1), `start_s`, `end_s` |
| `flushed`        | all words up to that flush were sent | `id`                                                         |
| `alive`          | every `ALIVE_EVERY_S` while open     | `audio_s`: seconds of audio recognised so far                |
| `error`          | before it closes with 1011           | `message`                                                    |

`start_s` and `end_s` count the session's audio in seconds. An interim text is the utterance's words so far, a final one is
all of them; after a final the next text belongs to `utterance` + 1. `alive` whose `audio_s` stands still while audio is
being sent, or that stays away, is how a client notices a sidecar that is half dead.

| close code | means                                                                                 | the client        |
|------------|---------------------------------------------------------------------------------------|-------------------|
| 1000       | stopped as asked                                                                      | –                 |
| 1001       | the sidecar is shutting down                                                          | reopens           |
| 1003       | no place for it in the protocol (unknown type, not JSON) | gives up: a bug   |
| 1008       | no, late or wrong `auth`; anything else before it                                     | gives up          |
| 1009       | a message larger than `LARGEST_AUDIO` or `LARGEST_TEXT`                               | gives up: a bug   |
| 1011       | the recogniser failed for this session                                                | reopens           |
| 1013       | no seat free, the model not loaded yet, or the client does not read                   | tries again later |
"""

AUTH_WITHIN_S = 2.0
ALIVE_EVERY_S = 1.0
LARGEST_AUDIO = 65536
"""Bytes of one binary message: two seconds at 16 kHz."""
LARGEST_TEXT = 4096
SAMPLE_RATES = (8000, 16000)

NORMAL, GOING_AWAY, UNSUPPORTED, POLICY, TOO_BIG, FAILED, TRY_AGAIN_LATER = 1000, 1001, 1003, 1008, 1009, 1011, 1013

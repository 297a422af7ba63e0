"""Every setting of an installation: name, type, default, unit and meaning, read once when a process starts.

    installation.py   the web processes, the carrier, storage, the model
    hearing.py        voice activity, barge-in
    recognition.py    reaching the STT sidecar, and what it loads
    voices.py         finding TTS workers, and what a TTS worker loads
    settings.py       all of them in one object; what production asks for; what is secret
    sources.py        where they are read from
    documents.py      the table and the example file
    words.py          types and checks that several settings share

Where a value comes from, the first that has one wins:

1. the environment, under the setting's own name;
2. the secrets file named by OFFHOOK_SECRETS_FILE: one `NAME=value` per line, `#` begins a comment line;
3. the YAML file named by OFFHOOK_CONFIG, else `offhook.yaml` in the working directory if there is one;
4. the default that stands in these files.

The secrets file stands above the YAML file because the latter tends to be kept in a repository, where a secret can
only be a placeholder. An empty value means "not given" everywhere. An unknown name in either file is an error (a typing
mistake must not fall back to a default); the environment holds names of other programs, so there it is not.

`load_settings` reports every wrong field at once. Nothing else in the code reads the environment, except
prometheus_client (see `backend/metrics.py`). `python -m backend.settings` prints the table for the docs, with `--example`
it prints `deploy/env.example`.
"""

from backend.settings.settings import Settings
from backend.settings.sources import load_settings, require_for_web

__all__ = ["Settings", "load_settings", "require_for_web"]

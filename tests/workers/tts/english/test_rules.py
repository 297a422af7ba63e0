"""What rules are made of."""

import re

from backend.workers.tts.english.rules import always, full_stop, run


def test_rules_run_one_after_the_other() -> None:
    """The second sees what the first has said."""
    assert run(((re.compile("a"), always("b")), (re.compile("b"), always("c"))), "ab") == "cc"


def test_a_dot_ends_the_sentence_before_a_capital_and_at_the_end() -> None:
    """In between it belonged to the abbreviation alone."""
    found = [full_stop(each) for each in re.finditer(r"etc\.", 'etc. and etc. Then "etc."')]

    assert found == ["", ".", "."]

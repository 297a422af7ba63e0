"""The pictures in docs/ are those of the code."""

from tests.diagrams import FILE, document


def test_the_committed_pictures_are_what_the_tables_draw() -> None:
    """Otherwise: make diagrams."""
    assert FILE.read_text() == document()

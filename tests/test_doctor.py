"""The doctor: what it finds on a sick installation."""

from pathlib import Path

from backend.doctor import examine

AWAY = "redis://127.0.0.1:9/0"
KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def states(**environ: str) -> dict[str, str]:
    return {finding.part: finding.state for finding in examine(environ)}


def test_wrong_settings_are_the_first_and_only_finding(tmp_path: Path) -> None:
    """Nothing else can be judged before they are right."""
    findings = examine({"PORT": "many", "DATA_DIR": str(tmp_path)})

    assert [(finding.part, finding.state) for finding in findings] == [("settings", "wrong")]
    assert "PORT" in findings[0].detail


def test_each_part_is_judged_by_itself(tmp_path: Path) -> None:
    """Redis, voice and web are away, the database and the key are fine."""
    found = states(
        DATA_DIR=str(tmp_path),
        TELNYX_PUBLIC_KEY=KEY,
        REDIS_URL="redis://127.0.0.1:9/0",
        PORT="9",
        TTS_ADDRESS="127.0.0.1:9",
    )

    assert found == {
        "settings": "ok",
        "public key": "ok",
        "redis": "wrong",
        "database": "ok",
        "voice": "wrong",
        "web": "wrong",
    }


def test_a_missing_public_key_is_found(tmp_path: Path) -> None:
    """Without it no webhook could be trusted."""
    found = states(DATA_DIR=str(tmp_path), REDIS_URL="redis://127.0.0.1:9/0", PORT="9")

    assert found["public key"] == "wrong"
    assert found["voice"] == "skipped"


def test_every_line_of_a_wrong_setting_is_shown(tmp_path: Path) -> None:
    """The first one is only the heading."""
    found = {finding.part: finding for finding in examine({"DATA_DIR": str(tmp_path), "PORT": "9", "REDIS_URL": AWAY})}

    assert "TELNYX_PUBLIC_KEY: must be set" in found["public key"].detail


def test_a_missing_data_folder_is_named_and_not_made(tmp_path: Path) -> None:
    """Neither is a missing database: the doctor changes nothing."""
    missing = {"DATA_DIR": str(tmp_path / "nowhere"), "PORT": "9", "REDIS_URL": AWAY}
    found = {finding.part: finding for finding in examine(missing)}
    assert found["database"].state == "wrong" and str(tmp_path / "nowhere") in found["database"].detail

    found = {finding.part: finding for finding in examine({**missing, "DATA_DIR": str(tmp_path)})}
    assert found["database"].state == "ok" and "not there yet" in found["database"].detail
    assert list(tmp_path.iterdir()) == []

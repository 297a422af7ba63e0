"""backend/engines/stt.py"""

from backend.engines.stt import choose_recogniser, make_recognisers
from backend.engines.stt_openai import OpenAiStt
from backend.engines.stt_sidecar import SidecarStt


def test_an_installation_has_what_its_settings_suffice_for() -> None:
    """A sidecar needs an address and a token, OpenAI a key or another server."""
    nothing = make_recognisers(
        sidecar_urls=["ws://127.0.0.1:50061/"],
        sidecar_token="",
        openai_api_key="",
        openai_base_url="",
        openai_model="m",
    )
    both = make_recognisers(
        sidecar_urls=["ws://127.0.0.1:50061/"],
        sidecar_token="t",
        openai_api_key="k",
        openai_base_url="",
        openai_model="m",
    )

    assert nothing == {}
    assert isinstance(both["sidecar"], SidecarStt) and isinstance(both["openai"], OpenAiStt) and len(both) == 2


def test_the_agents_wish_stands_before_the_default_and_the_carrier_is_always_there() -> None:
    """A wish that cannot be had must not leave the agent deaf."""
    available = make_recognisers(
        sidecar_urls=["ws://127.0.0.1:50061/"],
        sidecar_token="t",
        openai_api_key="",
        openai_base_url="",
        openai_model="m",
    )
    choices = {
        (wish, default): choose_recogniser(wish, default, available)
        for wish in ("", "carrier", "sidecar", "openai")
        for default in ("carrier", "sidecar")
    }

    assert choices == {
        ("", "carrier"): "carrier", ("", "sidecar"): "sidecar",
        ("carrier", "carrier"): "carrier", ("carrier", "sidecar"): "carrier",
        ("sidecar", "carrier"): "sidecar", ("sidecar", "sidecar"): "sidecar",
        ("openai", "carrier"): "carrier", ("openai", "sidecar"): "carrier",
    }  # fmt: skip

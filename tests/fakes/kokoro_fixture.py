"""A Kokoro directory with random weights, made through the package's own classes: it babbles, in a fraction of the size.

The package fixes its decoder's widths in code, which leaves 58 million parameters at the least. `narrow_decoder` puts a
decoder of the same blocks and the same path, but few channels, in its place, for making the files and for loading them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STYLE = 128
HIDDEN = 32
CHANNELS = 32
SIDE = 8
PHONEMES = " !,.:;?—…()“”ˈˌːabcdefghijklmnopqrstuvwxyzæçðøŋœɐɑɒɔɕɖəɚɛɜɟɡɣɤɥɨɪɯɰɱɲɳɸɹɻɽɾʀʁʂʃʈʊʋʌʎʏʑʒʔʙʝʟʤʧθχᵊAIOQSTWYᵻ"

CONFIG: dict[str, Any] = {
    "n_token": 178,
    "hidden_dim": HIDDEN,
    "style_dim": STYLE,
    "n_layer": 1,
    "max_dur": 6,
    "dropout": 0.0,
    "n_mels": 80,
    "text_encoder_kernel_size": 5,
    "plbert": {
        "hidden_size": 32,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "num_hidden_layers": 1,
        "dropout": 0.0,
    },
    "istftnet": {
        "resblock_kernel_sizes": [3],
        "upsample_rates": [10, 6],
        "upsample_initial_channel": CHANNELS,
        "resblock_dilation_sizes": [[1, 3, 5]],
        "upsample_kernel_sizes": [20, 12],
        "gen_istft_n_fft": 20,
        "gen_istft_hop_size": 5,
    },
    "vocab": {phoneme: number for number, phoneme in enumerate(PHONEMES, 1)},
}


FOR_THE_PACKAGES_DECODER: dict[str, Any] = {
    **CONFIG,
    "hidden_dim": 512,
    "istftnet": {**CONFIG["istftnet"], "upsample_initial_channel": 512},
}
"""The least that loads without `narrow_decoder`, as a worker does: 234 MB."""


@contextmanager
def narrow_decoder() -> Iterator[None]:
    """Within it the package builds a narrow decoder."""
    from kokoro import istftnet, model
    from torch import nn

    class Narrow(istftnet.Decoder):  # type: ignore[misc]  # the package has no types
        def __init__(self, dim_in: int, style_dim: int, dim_out: int, disable_complex: bool, **generator: Any) -> None:
            nn.Module.__init__(self)
            joined = CHANNELS + 2 + SIDE
            self.encode = istftnet.AdainResBlk1d(dim_in + 2, CHANNELS, style_dim)
            self.decode = nn.ModuleList(
                [
                    istftnet.AdainResBlk1d(joined, CHANNELS, style_dim),
                    istftnet.AdainResBlk1d(joined, CHANNELS, style_dim, upsample=True),
                ]
            )
            self.F0_conv = nn.Conv1d(1, 1, kernel_size=3, stride=2, padding=1)
            self.N_conv = nn.Conv1d(1, 1, kernel_size=3, stride=2, padding=1)
            self.asr_res = nn.Sequential(nn.Conv1d(dim_in, SIDE, kernel_size=1))
            self.generator = istftnet.Generator(style_dim, disable_complex=disable_complex, **generator)

    whole, model.Decoder = model.Decoder, Narrow
    try:
        yield
    finally:
        model.Decoder = whole


def make_kokoro(
    directory: Path,
    voices: tuple[str, ...] = ("af_heart", "am_adam", "bf_emma", "ff_siwis"),
    config: dict[str, Any] = CONFIG,
) -> None:
    """Write the files. Call within `narrow_decoder`, unless `config` is FOR_THE_PACKAGES_DECODER."""
    import torch
    from kokoro import KModel

    (directory / "voices").mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config))
    empty = directory / "empty.pth"
    torch.manual_seed(1)
    torch.save({}, empty)  # leaves the random start
    model = KModel(repo_id="hexgrad/Kokoro-82M", config=str(directory / "config.json"), model=str(empty))
    empty.unlink()
    parts = ("bert", "bert_encoder", "predictor", "text_encoder", "decoder")
    torch.save({name: getattr(model, name).state_dict() for name in parts}, directory / "kokoro-v1_0.pth")
    for name in voices:
        torch.save(torch.randn(510, 1, 2 * STYLE) * 0.15, directory / "voices" / f"{name}.pt")

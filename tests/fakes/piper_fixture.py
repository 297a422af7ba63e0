"""Piper voices of a few hundred bytes: the inputs and outputs of real ones, and a hum whose pitch follows the phonemes."""

import json
from pathlib import Path

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper, save

SAMPLES_PER_PHONEME = 1024
PHONEMES = (
    "_^$ !?,.:;'-abcdefghijklmnopqrstuvwxyzæçðøŋœɐɑɒɔɕɖəɚɛɜɟɡɣɤɥɨɪɯɰɱɲɳɸɹɻɽɾʀʁʂʃʈʊʋʌʎʏʑʒʔʙʝʟʤʧθχᵻˈˌːˑ\u0303\u0329"
)


def make_piper_voice(
    directory: Path,
    name: str = "en_US-hum-medium",
    *,
    sample_rate: int = 22050,
    speakers: tuple[str, ...] = (),
    steps: int = 0,
) -> Path:
    """Write one voice. `steps`: so many turns of a loop before the sound, to make it slow."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{name}.onnx"
    save(_model(bool(speakers), steps), file)
    config = {
        "audio": {"sample_rate": sample_rate},
        "espeak": {"voice": "en-us"},
        "language": {"code": name.partition("-")[0]},
        "num_symbols": len(PHONEMES),
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": {speaker: number for number, speaker in enumerate(speakers)},
        "phoneme_type": "espeak",
        "phoneme_id_map": {phoneme: [number] for number, phoneme in enumerate(PHONEMES)},
    }
    (directory / f"{name}.onnx.json").write_text(json.dumps(config))
    return file


def _model(has_speakers: bool, steps: int) -> ModelProto:
    def constant(name: str, value: object, kind: type) -> TensorProto:
        return numpy_helper.from_array(np.array(value, kind), name)

    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if has_speakers:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
    nodes = [
        # Every phoneme's number, SAMPLES_PER_PHONEME times, as the step of a sine's phase.
        helper.make_node("Cast", ["input"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "two"], ["column"]),
        helper.make_node("Expand", ["column", "wide"], ["held"]),
        helper.make_node("Reshape", ["held", "flat"], ["steps"]),
        helper.make_node("Mul", ["steps", "per_number"], ["slow"]),
        helper.make_node("Add", ["slow", "base"], ["quick"]),
        helper.make_node("Cast", ["sid"], ["speaker"], to=TensorProto.FLOAT)
        if has_speakers
        else helper.make_node("Identity", ["zero"], ["speaker"]),
        helper.make_node("Mul", ["speaker", "per_speaker"], ["higher"]),
        helper.make_node("Add", ["quick", "higher"], ["pace"]),
        helper.make_node("CumSum", ["pace", "first"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["sine"]),
        helper.make_node("Loop", ["turns", "", "zero"], ["turned"], body=_turn()),
        helper.make_node("Mul", ["turned", "zero"], ["nothing"]),
        helper.make_node("Mul", ["sine", "loudness"], ["soft"]),
        helper.make_node("Add", ["soft", "nothing"], ["sound"]),
        helper.make_node("Reshape", ["sound", "shape"], ["output"]),
    ]
    constants = [
        constant("two", [2], np.int64),
        constant("wide", [1, 1, SAMPLES_PER_PHONEME], np.int64),
        constant("flat", [-1], np.int64),
        constant("shape", [1, 1, 1, -1], np.int64),
        constant("per_number", 0.001, np.float32),
        constant("per_speaker", 0.1, np.float32),
        constant("base", 0.02, np.float32),
        constant("first", 0, np.int64),
        constant("loudness", 0.3, np.float32),
        constant("zero", [0.0], np.float32),
        constant("turns", steps, np.int64),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"])
    graph = helper.make_graph(nodes, "hum", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _turn() -> GraphProto:
    """One turn of the loop: adds one."""
    return helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["goes_on"]),
            helper.make_node("Add", ["so_far", "one"], ["more"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("so_far", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]),
        ],
        [numpy_helper.from_array(np.array([1.0], np.float32), "one")],
    )

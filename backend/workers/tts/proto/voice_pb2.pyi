# mypy: ignore-errors
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SynthesizeRequest(_message.Message):
    __slots__ = ("synthesis_id", "session_id", "text", "voice", "language", "sample_rate", "frame_duration_ms", "first_frame_duration_ms")
    SYNTHESIS_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    FRAME_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAME_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    synthesis_id: str
    session_id: str
    text: str
    voice: str
    language: str
    sample_rate: int
    frame_duration_ms: int
    first_frame_duration_ms: int
    def __init__(self, synthesis_id: _Optional[str] = ..., session_id: _Optional[str] = ..., text: _Optional[str] = ..., voice: _Optional[str] = ..., language: _Optional[str] = ..., sample_rate: _Optional[int] = ..., frame_duration_ms: _Optional[int] = ..., first_frame_duration_ms: _Optional[int] = ...) -> None: ...

class AudioFrame(_message.Message):
    __slots__ = ("session_id", "audio_data", "sample_rate", "frame_duration_ms", "sequence_number", "is_final", "words")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    AUDIO_DATA_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    FRAME_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    IS_FINAL_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    audio_data: bytes
    sample_rate: int
    frame_duration_ms: int
    sequence_number: int
    is_final: bool
    words: _containers.RepeatedCompositeFieldContainer[WordStart]
    def __init__(self, session_id: _Optional[str] = ..., audio_data: _Optional[bytes] = ..., sample_rate: _Optional[int] = ..., frame_duration_ms: _Optional[int] = ..., sequence_number: _Optional[int] = ..., is_final: _Optional[bool] = ..., words: _Optional[_Iterable[_Union[WordStart, _Mapping]]] = ...) -> None: ...

class WordStart(_message.Message):
    __slots__ = ("word", "offset_ms")
    WORD_FIELD_NUMBER: _ClassVar[int]
    OFFSET_MS_FIELD_NUMBER: _ClassVar[int]
    word: int
    offset_ms: int
    def __init__(self, word: _Optional[int] = ..., offset_ms: _Optional[int] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("synthesis_id",)
    SYNTHESIS_ID_FIELD_NUMBER: _ClassVar[int]
    synthesis_id: str
    def __init__(self, synthesis_id: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("was_running",)
    WAS_RUNNING_FIELD_NUMBER: _ClassVar[int]
    was_running: bool
    def __init__(self, was_running: _Optional[bool] = ...) -> None: ...

class VoiceDescription(_message.Message):
    __slots__ = ("name", "language", "description")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    language: str
    description: str
    def __init__(self, name: _Optional[str] = ..., language: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class ModelDescription(_message.Message):
    __slots__ = ("name", "is_resident", "native_sample_rate", "voices")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IS_RESIDENT_FIELD_NUMBER: _ClassVar[int]
    NATIVE_SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    VOICES_FIELD_NUMBER: _ClassVar[int]
    name: str
    is_resident: bool
    native_sample_rate: int
    voices: _containers.RepeatedCompositeFieldContainer[VoiceDescription]
    def __init__(self, name: _Optional[str] = ..., is_resident: _Optional[bool] = ..., native_sample_rate: _Optional[int] = ..., voices: _Optional[_Iterable[_Union[VoiceDescription, _Mapping]]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelDescription]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelDescription, _Mapping]]] = ...) -> None: ...

class LoadModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class LoadModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: ModelDescription
    def __init__(self, model: _Optional[_Union[ModelDescription, _Mapping]] = ...) -> None: ...

class UnloadModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class UnloadModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: ModelDescription
    def __init__(self, model: _Optional[_Union[ModelDescription, _Mapping]] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("status", "running", "max_sessions", "resident_models", "first_frame_p50_ms", "rtf_p50")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[HealthResponse.Status]
        SERVING: _ClassVar[HealthResponse.Status]
        DRAINING: _ClassVar[HealthResponse.Status]
        NO_MODEL: _ClassVar[HealthResponse.Status]
    UNKNOWN: HealthResponse.Status
    SERVING: HealthResponse.Status
    DRAINING: HealthResponse.Status
    NO_MODEL: HealthResponse.Status
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    MAX_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_MODELS_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAME_P50_MS_FIELD_NUMBER: _ClassVar[int]
    RTF_P50_FIELD_NUMBER: _ClassVar[int]
    status: HealthResponse.Status
    running: int
    max_sessions: int
    resident_models: _containers.RepeatedScalarFieldContainer[str]
    first_frame_p50_ms: float
    rtf_p50: float
    def __init__(self, status: _Optional[_Union[HealthResponse.Status, str]] = ..., running: _Optional[int] = ..., max_sessions: _Optional[int] = ..., resident_models: _Optional[_Iterable[str]] = ..., first_frame_p50_ms: _Optional[float] = ..., rtf_p50: _Optional[float] = ...) -> None: ...

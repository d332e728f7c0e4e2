"""Which language models answer, and how patient we are with them."""

from typing import Literal

from msgspec import Struct, field


class ModelProvider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One source of words.

    kind: openai (any OpenAI-compatible address), anthropic, or embedded (the shipped model).
    base_url: the provider's address; empty takes the vendor's own.
    api_key: the key; prefer the environment variable KINDRED_MODELS__PROVIDERS__<NAME>__API_KEY.
    model: the model's name at the provider, or for embedded the path of a GGUF file.
    context_tokens: how much the model can read.
    max_output_tokens: how long one reply may get.
    temperature: how freely it speaks.
    vision: whether the model takes pictures; only then can people show it their camera in a call.
    """

    kind: Literal["openai", "anthropic", "embedded"] = "openai"
    base_url: str = ""
    api_key: str = ""
    model: str = ""
    context_tokens: int = 8192
    max_output_tokens: int = 512
    temperature: float = 0.8
    vision: bool = False


class EmbeddingProvider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What turns words into vectors, for recall by meaning.

    kind: embedded (ships with Kindred) or openai (any address that answers /v1/embeddings).
    base_url: the provider's address; empty takes the vendor's own.
    api_key: the key; prefer the environment variable KINDRED_MODELS__EMBEDDINGS__API_KEY.
    model: the model's name at the provider; it must give 384 numbers for a text.
    """

    kind: Literal["embedded", "openai"] = "embedded"
    base_url: str = ""
    api_key: str = ""
    model: str = ""


class ModelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The router over the providers.

    use: names of providers in order; the first answers, the next take over when it fails.
    providers: name -> provider. "embedded" is always there.
    first_token_seconds: how long to wait for the first token before the next provider is tried.
    stall_seconds: how long a started stream may be silent.
    retries: how often one provider is asked again before the next takes over.
    circuit_failures: consecutive failures after which a provider rests.
    circuit_seconds: how long it rests.
    embeddings: what turns words into vectors.
    """

    use: list[str] = field(default_factory=lambda: ["embedded"])
    providers: dict[str, ModelProvider] = field(default_factory=dict)
    first_token_seconds: float = 30.0
    stall_seconds: float = 30.0
    retries: int = 1
    circuit_failures: int = 5
    circuit_seconds: float = 30.0
    embeddings: EmbeddingProvider = EmbeddingProvider()

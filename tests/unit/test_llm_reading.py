"""What is read from a recorded exchange: messages, usage, cost; streamed or not, it is the same."""

from __future__ import annotations

import json
from typing import Any

import genai_prices
import msgspec
import openai
import pytest

from duranb.errors import StoreDamaged, StoreTooNew
from duranb.llm import prices, private
from duranb.llm.endpoints import recognise
from duranb.llm.exchange import Header, decode, encode
from duranb.llm.reading import PREVIEW, describe, read
from duranb.llm.shapes.common import Tokens
from duranb.text.credentials import public_url
from duranb.views import show, status
from tests.servers import answers
from tests.servers.steps import Notebook

ORIGIN = "http://127.0.0.1:9/"
TEXT = "Noted and understood."
ASK = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "read this"}]
CHAT: dict[str, Any] = {"model": "gpt-4o-mini", "messages": ASK, "temperature": 0.5}
USAGE: dict[str, Any] = {**CHAT, "stream_options": {"include_usage": True}}
CLAUDE = {"model": "claude-3-haiku", "system": "be brief", "messages": ASK[1:]}
RESPOND = {"model": "gpt-4o-mini", "instructions": "be brief", "input": "read this"}
GEMINI = {
    "systemInstruction": {"parts": [{"text": "be brief"}]},
    "contents": [{"role": "user", "parts": [{"text": "read this"}]}],
}
GEMINI_PATH = "v1beta/models/gemini-2.5-flash:"

PAIRS: dict[str, tuple[str, str, Any, Any, list[str]]] = {
    "chat": (
        "v1/chat/completions",
        "v1/chat/completions",
        USAGE,
        answers.chat(USAGE, TEXT),
        answers.chat_events(USAGE, TEXT),
    ),
    "responses": (
        "v1/responses",
        "v1/responses",
        RESPOND,
        answers.response(RESPOND, TEXT),
        answers.response_events(RESPOND, TEXT),
    ),
    "messages": (
        "v1/messages",
        "v1/messages",
        CLAUDE,
        answers.message(CLAUDE, TEXT),
        answers.message_events(CLAUDE, TEXT),
    ),
    "gemini": (
        f"{GEMINI_PATH}generateContent",
        f"{GEMINI_PATH}streamGenerateContent?alt=sse",
        GEMINI,
        answers.generated("gemini-2.5-flash", GEMINI, TEXT),
        answers.generated_events("gemini-2.5-flash", GEMINI, TEXT),
    ),
}


def reading(path: str, asked: Any, content_type: str, body: bytes) -> Any:
    endpoint = recognise("POST", "/" + path.partition("?")[0], asked)
    return read(endpoint, ORIGIN + path, asked, content_type, body)


def exchange(path: str, asked: Any, body: bytes, content_type: str = "application/json") -> bytes:
    request = json.dumps(asked).encode()
    header = Header(
        method="POST",
        url=ORIGIN + path,
        content_type="application/json",
        request_size=len(request),
        request_kept=len(request),
        headers=[("Content-Type", content_type)],
        chunks=[len(body)],
        elapsed=1_500_000,
    )
    return b"".join(encode(header, request, [body]))


@pytest.mark.parametrize("api", PAIRS)
def test_a_stream_says_what_the_whole_answer_says(api: str) -> None:
    """Usage, cost, preview and messages of an answer do not depend on whether it was streamed."""
    path, stream_path, asked, whole, events = PAIRS[api]
    body, stream = json.dumps(whole).encode(), "".join(events).encode()
    plain = reading(path, asked, "application/json", body)
    streamed = reading(stream_path, asked, "text/event-stream; charset=utf-8", stream)
    assert plain == streamed
    assert plain.preview == TEXT
    assert plain.usage.priced
    assert plain.usage.cost > 0
    assert plain.usage.input_tokens > 0
    assert plain.usage.output_tokens == 3
    assert plain.usage.model in ("gpt-4o-mini", "claude-3-haiku", "gemini-2.5-flash")
    shown = describe(exchange(path, asked, body))
    again = describe(exchange(stream_path, asked, stream, "text/event-stream"))
    assert shown["request"] == again["request"]
    assert shown["request"] == [
        {"role": "system", "text": "be brief"},
        {"role": "user", "text": "read this"},
    ]
    assert shown["response"] == again["response"] == [{"role": "assistant", "text": TEXT}]
    assert shown["text"] == TEXT
    assert shown["model"] == plain.usage.model
    assert shown["elapsed"] == 1.5


def test_tokens_cost_what_the_price_list_says() -> None:
    """A million tokens of a known model cost its list price; cached ones count as input too."""
    usage = {
        "prompt_tokens": 1_000_000,
        "completion_tokens": 1_000_000,
        "prompt_tokens_details": {"cached_tokens": 400_000},
    }
    body = json.dumps({"model": "gpt-4o-mini-2024-07-18", "usage": usage, "choices": []})
    found = reading("v1/chat/completions", CHAT, "application/json", body.encode()).usage
    assert found.cached_tokens == 400_000
    assert found.input_tokens == 1_000_000
    assert found.cost == pytest.approx(0.6 * 0.15 + 0.4 * 0.075 + 0.60)


@pytest.mark.parametrize(
    "model", ["gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-pro", "o3", "deepseek-chat"]
)
def test_what_is_known_of_a_price_gives_what_the_price_list_gives(model: str) -> None:
    """Prices that are graded by the length of the input, or that change with the time, give the
    list's own figure on both sides of every threshold, and with audio and cached tokens."""
    for size in (1, 128_001, 200_000, 200_001, 5_000_000):
        for more in ({}, {"cached": size // 2, "cache_write": size // 4}, {"input_audio": 1}):
            tokens = Tokens(model=model, input=size, output=77, **more)
            given = {
                "input_tokens": tokens.input,
                "output_tokens": tokens.output,
                "cache_read_tokens": tokens.cached,
                "cache_write_tokens": tokens.cache_write,
                "input_audio_tokens": tokens.input_audio,
            }
            usage = genai_prices.Usage(**{name: n for name, n in given.items() if n})
            expected = genai_prices.calc_price(usage, model).total_price
            assert prices.cost_of(tokens, ORIGIN, "") == float(expected)


def test_a_model_without_a_price_is_not_priced() -> None:
    """An unknown model has its tokens counted, and no price made up for it."""
    asked = {**CHAT, "model": "my-own-model"}
    body = json.dumps(answers.chat(asked, TEXT)).encode()
    usage = reading("v1/chat/completions", asked, "application/json", body).usage
    assert (usage.model, usage.priced, usage.cost) == ("my-own-model", False, 0.0)
    assert usage.output_tokens == 3


def test_an_answer_without_usage_is_not_priced() -> None:
    """A stream that was not asked to tell its usage has no tokens and no price."""
    stream = "".join(answers.chat_events(CHAT, TEXT)).encode()
    found = reading("v1/chat/completions", CHAT, "text/event-stream", stream)
    assert (found.usage.output_tokens, found.usage.priced) == (0, False)
    assert found.preview == TEXT


def test_a_cost_that_is_not_known_is_said_and_is_not_nothing(
    notebook: Notebook, client: openai.OpenAI
) -> None:
    """Status, show and the timeline tell an unknown cost from a free call, and both from a sum."""
    ask: Any = [{"role": "user", "content": "read"}]
    with notebook.step("mine"):
        client.chat.completions.create(model="my-own-model", messages=ask)
    with notebook.step("both"):
        list(client.chat.completions.create(model="gpt-4o-mini", messages=ask, stream=True))
        client.chat.completions.create(model="gpt-4o-mini", messages=ask)
    history = notebook.session.history
    assert [history.ledger(n).unpriced for n in (1, 2)] == [1, 1]
    lines = {line.split("@")[0]: line for line in status.view(history).text().splitlines()}
    assert " unknown " in lines["mine"]
    assert " + 1 unknown " in lines["both"]
    assert show.view(history, "both").text().count("cost unknown") == 1


def test_an_answer_that_is_still_being_made_has_no_bill_yet() -> None:
    """Whoever polls a background response pays with the answer that completes it."""
    body = json.dumps({**answers.response({"model": "m", "input": "i"}, TEXT), "usage": None})
    for state, priced in (("queued", True), ("completed", False)):
        told = body.replace('"status": "completed"', f'"status": "{state}"').encode()
        found = reading("v1/responses", {"model": "m", "input": "i"}, "application/json", told)
        assert (found.usage.priced, found.usage.cost) == (priced, 0.0)


def test_cached_and_written_tokens_of_claude_are_input() -> None:
    """Anthropic counts cached tokens beside the input; here they are part of it."""
    body = json.dumps(answers.message(CLAUDE, TEXT)).encode()
    usage = reading("v1/messages", CLAUDE, "application/json", body).usage
    alone = answers.message(CLAUDE, TEXT)["usage"]["input_tokens"]
    assert (usage.input_tokens, usage.cached_tokens) == (alone + 2 + 3, 2)


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_calls_are_read(streamed: bool) -> None:
    """A call of a tool is a message of its own, with its arguments, streamed or not."""
    parameters = {"type": "object", "properties": {"word": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": parameters}}
    asked = {"model": "m", "messages": [{"role": "user", "content": answers.TOOL_WORD}]}
    asked["tools"] = [tool]
    if streamed:
        body, kind = "".join(answers.chat_events(asked, "a b")), "text/event-stream"
    else:
        body, kind = json.dumps(answers.chat(asked, "a b")), "application/json"
    shown = describe(exchange("v1/chat/completions", asked, body.encode(), kind))
    assert shown["response"] == [{"role": "tool call", "text": 'look_up {"word": "a b"}'}]
    preview = reading("v1/chat/completions", asked, kind, body.encode()).preview
    assert preview == 'look_up {"word": "a b"}'


def test_conversations_with_parts_tools_and_thoughts_are_read() -> None:
    """Images, tool results and reasoning in a request's messages are named, not dropped."""
    asked = {
        "model": "claude-3-haiku",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "tool_use", "name": "zoom", "input": {"by": 2}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "content": "bigger"}]},
        ],
    }
    body = json.dumps(answers.message(asked, TEXT)).encode()
    shown = describe(exchange("v1/messages", asked, body))["request"]
    assert [(each["role"], each["text"]) for each in shown] == [
        ("user", "look"),
        ("user", "[image]"),
        ("reasoning", "hm"),
        ("tool call", 'zoom {"by":2}'),
        ("tool", "bigger"),
    ]


@pytest.mark.parametrize("form", ["float", "base64"])
def test_embeddings_are_told_by_their_size(form: str) -> None:
    """Vectors are not shown number by number; they are priced."""
    asked = {"model": "text-embedding-3-small", "input": ["a", "b"], "encoding_format": form}
    body = json.dumps(answers.embeddings(asked, "")).encode()
    found = reading("v1/embeddings", asked, "application/json", body)
    assert found.preview == "2 vectors of 8"
    assert found.usage.priced
    shown = describe(exchange("v1/embeddings", asked, body))
    assert [each["text"] for each in shown["request"]] == ["a", "b"]


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[]", b"[1]", b"{}", b'{"choices": 3}', b'{"choices": [[]], "usage": 7}'],
)
@pytest.mark.parametrize(
    "path",
    [
        "v1/chat/completions",
        "v1/completions",
        "v1/responses",
        "v1/messages",
        "v1/embeddings",
        "v1/models/gemini-pro:generateContent",
        "v1/models/gemini-pro:embedContent",
        "v1/rerank",
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", ""])
def test_nothing_a_server_says_fails_the_call(path: str, body: bytes, kind: str) -> None:
    """Answers of no known form are read as far as they go, by the recorder and the inspector."""
    asked = {"model": "m", "messages": []}
    found = reading(path, asked, kind, body)
    assert found.usage is None or not found.usage.priced
    assert describe(exchange(path, asked, body, kind))["status"] == 200


def test_an_error_with_status_200_is_a_failure() -> None:
    """Gateways that report errors with status 200 are not taken by their word."""
    body = b'{"error": {"message": "no capacity"}}'
    assert reading("v1/chat/completions", CHAT, "application/json", body).failure == "no capacity"
    failed = {"status": "failed", "error": {"message": "server_error"}, "output": []}
    found = reading("v1/responses", RESPOND, "application/json", json.dumps(failed).encode())
    assert found.failure == "server_error"


def test_a_preview_is_short_and_one_line() -> None:
    """However long an answer is, its preview fits in a row."""
    body = json.dumps(answers.chat(CHAT, "many\nlines " * 500)).encode()
    preview = reading("v1/chat/completions", CHAT, "application/json", body).preview
    assert len(preview) == PREVIEW
    assert preview.endswith("…")
    assert "\n" not in preview


def test_settings_of_a_request_are_shown() -> None:
    """The inspector shows with which settings a model was asked."""
    body = json.dumps(answers.chat(CHAT, TEXT)).encode()
    shown = describe(exchange("v1/chat/completions", CHAT, body))
    assert shown["settings"] == {"model": "gpt-4o-mini", "temperature": 0.5}


def test_binary_answers_are_named() -> None:
    """An answer that is no text is told by its size and type."""
    asked = {"model": "tts-1", "input": "read this"}
    shown = describe(exchange("v1/audio/speech", asked, b"\x00" * 1500, "audio/mpeg"))
    assert shown["response"] == [{"role": "response", "text": "[1,500 bytes of audio/mpeg]"}]


@pytest.mark.parametrize(
    ("method", "path", "body", "shape"),
    [
        ("POST", "/openai/deployments/d/chat/completions", {}, "chat"),
        ("POST", "/api/v1/chat/completions", {}, "chat"),
        ("POST", "/v1/responses", {}, "responses"),
        ("GET", "/v1/responses/resp_1", None, "responses"),
        ("POST", "/v1/messages", {"messages": []}, "messages"),
        ("POST", "/model/anthropic.claude/invoke", {}, "messages"),
        ("POST", "/v1/projects/p/models/claude:rawPredict", {}, "messages"),
        ("POST", "/v1beta/models/gemini-pro:generateContent", {}, "gemini"),
        ("POST", "/api/chat", {}, ""),
        ("POST", "/somewhere", {"model": "m", "messages": []}, ""),
        ("POST", "/channels/1/messages", {"text": "hello"}, None),
        ("POST", "/v1/responses/resp_1/cancel", {}, None),
        ("GET", "/v1/models", None, None),
        ("GET", "/v1/chat/completions", None, None),
        ("POST", "/items", {"model": "T-Ford"}, None),
    ],
)
def test_models_are_told_from_other_servers(
    method: str, path: str, body: Any, shape: str | None
) -> None:
    """Requests to models are recognised by path and body, and nothing else is taken for one."""
    endpoint = recognise(method, path, body)
    assert (endpoint.shape if endpoint else None) == shape


def test_exchanges_round_trip() -> None:
    """An exchange comes back as it was stored, with its pieces."""
    header = Header(method="POST", url="http://x/", request_kept=3, chunks=[2, 0, 3])
    found = decode(b"".join(encode(header, b"ask", [b"an", b"", b"swe"])))
    assert found.header == header
    assert (bytes(found.request), found.chunks()) == (b"ask", [b"an", b"", b"swe"])


def test_what_is_no_exchange_is_refused() -> None:
    """Other bytes, and those of a later version, are refused with a sentence."""
    with pytest.raises(StoreDamaged):
        describe(b"\x80\x05 a pickle, perhaps")
    with pytest.raises(StoreDamaged):
        decode(b"DXCH" + (4).to_bytes(4, "big") + b"null")
    later = b"".join(encode(Header(method="GET", url="http://x/", version=99), b"", []))
    with pytest.raises(StoreTooNew):
        decode(later)


def test_urls_are_stored_without_credentials() -> None:
    """User, password and parameters that hold keys do not reach the store; others do."""
    assert (
        public_url("https://me:pw@api.example.com/x?page=2&KEY=k&sig=s&q=a%20b#top")
        == "https://api.example.com/x?page=2&KEY=***&sig=***&q=a%20b"
    )
    assert private.public_headers(
        [("Set-Cookie", "a=1"), ("Location", "/x?token=t"), ("X-Request-Id", "1")],
        "https://api.example.com/x",
    ) == [("Location", "/x?token=***"), ("X-Request-Id", "1")]


def test_the_name_of_a_credential_is_found_however_it_is_written() -> None:
    """What a request's content is looked through for is found in any case, with dashes and escaped;
    content without such names is not looked through."""
    for name in ("password", "pass\\u0077ord", "PASS-word", "X_Api_Key", "token"):
        content = f'{{"a": [{{"{name}": "correct horse"}}]}}'.encode()
        body = msgspec.json.decode(content)
        assert private.learn("http://h/x", "h", {}, content, body)
        assert b"correct" not in private.public_body("application/json", content, body)
    plain = b'{"model": "m", "max_tokens": 5, "messages": [{"content": "my password is a b c"}]}'
    assert not private.learn("http://h/x", "h", {}, plain, msgspec.json.decode(plain))

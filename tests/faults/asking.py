"""Asking a model several questions by the SDKs of three providers, in a step of a process that may
be killed meanwhile.

``python -m tests.faults.asking`` reads runs from its input: a folder, a way and the URL of the
server. What the step's code has seen of each answer is in the folder's file ``seen``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duranb

QUESTIONS = 5

Ask = Callable[[str, str], str]


def _openai(url: str) -> Any:
    import openai

    return openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)


def _anthropic(url: str) -> Any:
    import anthropic

    return anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)


def _said(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def by_chat(url: str, question: str) -> str:
    made = _openai(url).chat.completions.create(model="gpt-4o-mini", messages=_said(question))
    return str(made.choices[0].message.content)


def by_chat_stream(url: str, question: str) -> str:
    create = _openai(url).chat.completions.create
    chunks = create(model="gpt-4o-mini", messages=_said(question), stream=True)
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def by_responses(url: str, question: str) -> str:
    return str(_openai(url).responses.create(model="gpt-4o-mini", input=question).output_text)


def by_responses_stream(url: str, question: str) -> str:
    events = _openai(url).responses.create(model="gpt-4o-mini", input=question, stream=True)
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")


def by_messages(url: str, question: str) -> str:
    create = _anthropic(url).messages.create
    made = create(model="claude-sonnet-4-5", max_tokens=99, messages=_said(question))
    return str(made.content[0].text)


def by_messages_stream(url: str, question: str) -> str:
    stream = _anthropic(url).messages.stream
    with stream(model="claude-sonnet-4-5", max_tokens=99, messages=_said(question)) as found:
        return "".join(found.text_stream)


def by_genai(url: str, question: str) -> str:
    from google import genai

    options = {"base_url": url, "api_version": "v1beta"}
    client = genai.Client(api_key="k", http_options=options)
    made = client.models.generate_content(model="gemini-2.5-flash", contents=question)
    return str(made.text)


ASK: dict[str, Ask] = {
    "chat": by_chat,
    "chat stream": by_chat_stream,
    "responses": by_responses,
    "responses stream": by_responses_stream,
    "messages": by_messages,
    "messages stream": by_messages_stream,
    "genai": by_genai,
}


def has_genai() -> bool:
    """Whether google-genai is installed."""
    try:
        return importlib.util.find_spec("google.genai") is not None
    except ModuleNotFoundError:  # nothing of Google's is
        return False


@duranb.step(retries=0)
def ask(way: str, url: str) -> list[str]:
    """Ask all questions; the answers."""
    answers = []
    for n in range(QUESTIONS):
        answers.append(ASK[way](url, f"question {n}"))
        with Path("seen").open("a") as seen:
            seen.write(f"question {n}\n")
    return answers


def run(folder: Path, way: str, url: str) -> None:
    """Ask once, durably, as a process whose output is in a file."""
    os.chdir(folder)
    with (
        open("said", "w") as said,
        contextlib.redirect_stdout(said),
        duranb.durable(folder / "script.py"),
    ):
        print(*ask(way, url), sep="\n", flush=True)


def main() -> None:
    """Each line of the input is a run, in a process of its own that has imported all it needs: its
    id is printed when it begins, and its end when it has ended."""
    import anthropic  # noqa: F401
    import openai  # noqa: F401

    if has_genai():
        import google.genai  # noqa: F401
    for line in sys.stdin:
        folder, way, url = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            try:
                run(Path(folder), way, url)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()

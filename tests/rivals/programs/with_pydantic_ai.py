import asyncio

import job
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

# job begins
agent = Agent(
    OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=job.patient_client())),
    retries=3,
)


@agent.output_validator
def parsed(said):
    try:
        job.parsed(said)
    except ValueError as error:
        raise ModelRetry(str(error)) from error
    return said


async def about(document, turns):
    async with turns:
        try:
            return job.shown(document, (await agent.run(document)).output)
        except Exception:
            return None


async def all_of_them():
    turns = asyncio.Semaphore(16)
    return await asyncio.gather(*(about(document, turns) for document in job.documents()))


# job ends


job.done(asyncio.run(all_of_them()))

import importlib.util
import os
from pathlib import Path

import job

# Counting tokens would fetch a table of them from the network; litellm brings that of gpt-4 along.
found = importlib.util.find_spec("litellm")
assert found is not None and found.origin is not None
brought = Path(found.origin).parent.rglob("9b5ad71b2ce5302211f9c61530b329a4922fc6a4")
os.environ["TIKTOKEN_CACHE_DIR"] = str(next(brought).parent)

os.environ["HOSTED_CURATOR_VIEWER"] = "0"
os.environ["TELEMETRY_ENABLED"] = "0"
os.environ["CURATOR_CACHE_DIR"] = "curator"
from bespokelabs import curator


# job begins
class About(curator.LLM):
    def prompt(self, row):
        return row["document"]

    def parse(self, row, response):
        try:
            return {"number": row["number"], "about": job.shown(row["document"], response)}
        except Exception:
            return {"number": row["number"], "about": None}


model = About(
    model_name="gpt-4",
    backend="openai",
    backend_params={
        "base_url": job.URL,
        "max_retries": 10,
        "max_concurrent_requests": 16,
        "max_requests_per_minute": 100_000,
        "max_tokens_per_minute": 100_000_000,
        "require_all_responses": False,
    },
)
rows = [{"number": n, "document": d} for n, d in enumerate(job.documents())]
answered = {r["number"]: r["about"] for r in model(rows).dataset}
# job ends
job.done([answered.get(row["number"]) for row in rows])

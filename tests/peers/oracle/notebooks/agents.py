# %%
import json
from dataclasses import dataclass, field
# %%
class StandIn:
    """A model that answers without a network."""

    def __init__(self, style="short"):
        self.style, self.asked = style, 0

    def __call__(self, messages):
        self.asked += 1
        last = messages[-1]["content"]
        if "sum" in last:
            return {"tool": "add", "arguments": [len(messages), len(last)]}
        return {"text": f"{self.style}: {last[:12]} ({len(messages)})"}
# %%
tools = {}
def tool(f):
    tools[f.__name__] = f
    return f

@tool
def add(a, b):
    return a + b

@tool
def shout(text):
    return text.upper() + "!" * 2
# %%
@dataclass
class Agent:
    name: str
    model: object
    tools: dict
    memory: list = field(default_factory=list)
    hooks: list = field(default_factory=list)

    def ask(self, text):
        self.memory.append({"role": "user", "content": text})
        answer = self.model(self.memory)
        if "tool" in answer:
            answer = {"text": str(self.tools[answer["tool"]](*answer["arguments"]))}
        self.memory.append({"role": "assistant", "content": answer["text"]})
        for hook in self.hooks:
            hook(self, answer["text"])
        return answer["text"]
# %%
model = StandIn()
writer = Agent("writer", model, tools)
critic = Agent("critic", model, tools)
team = {a.name: a for a in (writer, critic)}
# %%
transcript = []
def note(agent, text):
    transcript.append((agent.name, text))

writer.hooks.append(note)
# %%
draft = writer.ask("write a poem about rivers")
draft
# %%
review = critic.ask(f"review: {draft}")
print(review, model.asked, len(transcript))
# %%
critic.hooks.append(lambda agent, text: transcript.append((agent.name, len(text))))
critic.memory.extend(writer.memory[:1])
# %%
for turn in range(3):
    for agent in team.values():
        agent.ask(f"turn {turn}: sum it up" if turn == 1 else f"turn {turn}")
print(len(writer.memory), len(critic.memory))
# %%
@tool
def search(query, limit=2):
    return [m["content"] for m in writer.memory if query in m["content"]][:limit]

hits = search("turn")
# %%
model.style = "long"
final = team["writer"].ask("the end")
print(final, model.asked)
# %%
summary = json.dumps({"turns": len(transcript), "tools": sorted(tools)}, sort_keys=True)
state = {"agents": list(team.values()), "shared": transcript}
summary
# %%
state["agents"][0].memory.clear()
transcript.insert(0, ("start", 0))
print(len(writer.memory), transcript[:2])

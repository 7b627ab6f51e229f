# %%
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
# %%
x = np.linspace(0, 6, 60)
curves = {"sin": np.sin(x), "cos": np.cos(x)}
style = {"color": "red", "lw": 2}
# %%
fig, ax = plt.subplots(figsize=(4, 3))
lines = {name: ax.plot(x, y, label=name, **style)[0] for name, y in curves.items()}
ax.set_title("waves")
# %%
lines["cos"].set_color("blue")
ax.legend()
labels = [t.get_text() for t in ax.get_legend().get_texts()]
# %%
def mark(ax, at, text="here"):
    return ax.annotate(text, (at, np.sin(at)), xytext=(at + 1, 0.5))

note = mark(ax, 2.0)
# %%
grid, axes = plt.subplots(2, 2, sharex=True)
for n, each in enumerate(axes.flat):
    each.bar(range(3), np.arange(3) * (n + 1))
axes[0, 1].set_ylabel("much")
# %%
curves["sin"] *= 2
lines["sin"].set_ydata(curves["sin"])
ax.relim()
ax.autoscale_view()
top = float(ax.get_ylim()[1])
# %%
image = axes[1, 0].imshow(np.outer(curves["sin"][:8], curves["cos"][:8]), aspect="auto")
image.set_clim(-1, 1)
limits = image.get_clim()
# %%
twin = ax.twinx()
twin.set_ylim(0, 5)
twin.plot(x, x, "k--")
parts = len(fig.axes), len(ax.lines), len(twin.lines)
# %%
note.set_text("there")
axes[0, 0].clear()
counts = [len(a.patches) for a in axes.flat]
# %%
plt.close(grid)
title = fig.axes[0].get_title()
print(labels, round(top, 2), limits, parts, counts, title, note.get_text(), ax.figure is fig)

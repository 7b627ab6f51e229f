"""A chapter of a handbook on figures, in the manner of such books: one idea, one cell."""

from __future__ import annotations

SETUP = """%matplotlib inline
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
plt.rcParams['figure.dpi'] = 40
x = np.linspace(0, 10, 60)
rng = np.random.default_rng(7)"""

LINES = [
    "plt.style.use('classic')\nplt.rcParams['figure.dpi'] = 40",
    "plt.plot(x, np.sin(x))\nplt.plot(x, np.cos(x))\nplt.show()",
    "fig = plt.figure()\nplt.plot(x, np.sin(x), '-')\nplt.plot(x, np.cos(x), '--');",
    "fig.savefig('my_figure.png')",
    "!ls my_figure.png",
    "from IPython.display import Image\nImage('my_figure.png')",
    "sorted(fig.canvas.get_supported_filetypes())[:3]",
    "plt.figure()\nplt.subplot(2, 1, 1)\nplt.plot(x, np.sin(x))\n"
    "plt.subplot(2, 1, 2)\nplt.plot(x, np.cos(x));",
    "fig, ax = plt.subplots(2)\nax[0].plot(x, np.sin(x))\nax[1].plot(x, np.cos(x));",
    "plt.style.use('seaborn-v0_8-whitegrid')",
    "fig = plt.figure()\nax = plt.axes()",
    "ax.plot(x, np.sin(x))\nfig",
    "ax.set(xlim=(0, 10), ylim=(-2, 2), xlabel='x', ylabel='sin(x)', title='A simple plot')\nfig",
    "for shift, colour in enumerate(['blue', 'g', '0.75', '#FFDD44', (1, 0.2, 0.3)]):\n"
    "    plt.plot(x, np.sin(x - shift), color=colour)",
    "for shift, style in enumerate(['solid', 'dashed', 'dashdot', 'dotted']):\n"
    "    plt.plot(x, x + shift, linestyle=style, label=style)\nplt.legend();",
    "plt.plot(x, np.sin(x))\nplt.axis('tight')",
    "plt.plot(x, np.sin(x), ':b', label='sin')\nplt.axis('equal')\nplt.legend()",
]
SCATTER = [
    "for marker in ['o', '.', ',', 'x', '+', 'v', '^', '<', '>', 's', 'd']:\n"
    "    plt.plot(rng.random(5), rng.random(5), marker, label=f'{marker!r}')\n"
    "plt.legend(numpoints=1)\nplt.xlim(0, 1.8);",
    "colors, sizes = rng.random(80), 300 * rng.random(80)\n"
    "plt.scatter(rng.standard_normal(80), rng.standard_normal(80), c=colors, s=sizes, alpha=0.3,\n"
    "            cmap='viridis')\nplt.colorbar();",
    "print(f'{colors.mean():.6f} of {len(colors)}')",
    "dy = 0.8\ny = np.sin(x) + dy * rng.standard_normal(60)\n"
    "plt.errorbar(x, y, yerr=dy, fmt='.k');",
    "plt.fill_between(x, np.sin(x) - dy, np.sin(x) + dy, color='gray', alpha=0.2)\nplt.show()\n"
    "print('between two figures')\nplt.plot(x, np.sin(x));",
]
FIELDS = [
    "def f(x, y):\n    return np.sin(x) ** 10 + np.cos(10 + y * x) * np.cos(x)\n"
    "X, Y = np.meshgrid(np.linspace(0, 5, 40), np.linspace(0, 5, 40))\nZ = f(X, Y)",
    "plt.contour(X, Y, Z, colors='black');",
    "plt.contour(X, Y, Z, 20, cmap='RdGy');",
    "plt.contourf(X, Y, Z, 20, cmap='RdGy')\nplt.colorbar();",
    "plt.imshow(Z, extent=[0, 5, 0, 5], origin='lower', cmap='RdGy')\nplt.colorbar()",
    "contours = plt.contour(X, Y, Z, 3, colors='black')\nplt.clabel(contours, inline=True)\n"
    "plt.imshow(Z, extent=[0, 5, 0, 5], origin='lower', alpha=0.5)",
    "plt.pcolormesh(X, Y, Z); plt.axis('off')",
]
HISTOGRAMS = [
    "data = rng.standard_normal(500)\nplt.hist(data);",
    "counts, bins, patches = plt.hist(data, bins=12, density=True, histtype='stepfilled')",
    "counts",
    "kwargs = dict(histtype='stepfilled', alpha=0.3, density=True, bins=20)\n"
    "for mean in (0, -2, 3):\n    plt.hist(data + mean, **kwargs)",
    "np.histogram(data, bins=5)[0]",
    "plt.hist2d(data, data[::-1], bins=12, cmap='Blues')\n"
    "plt.colorbar().set_label('counts in bin')",
    "plt.hexbin(data, data[::-1], gridsize=12, cmap='Blues')\ncb = plt.colorbar(label='count')",
]
LEGENDS = [
    "fig, ax = plt.subplots()\nax.plot(x, np.sin(x), '-b', label='Sine')\n"
    "ax.plot(x, np.cos(x), '--r', label='Cosine')\nax.axis('equal')\nleg = ax.legend();",
    "ax.legend(loc='upper left', frameon=False)\nfig",
    "ax.legend(frameon=True, fancybox=True, framealpha=1, shadow=True, borderpad=1)\nfig",
    "fig, ax = plt.subplots()\nlines = []\nfor i in range(4):\n"
    "    lines += ax.plot(x, np.sin(x - i * np.pi / 2), color='black')\nax.axis('equal')\n"
    "from matplotlib.legend import Legend\n"
    "ax.add_artist(Legend(ax, lines[2:], ['C', 'D'], loc='lower right'));",
    "cmap = plt.get_cmap('jet', 6)\ncmap",
    "plt.imshow(np.outer(np.arange(6), np.ones(9)), cmap=cmap)\nplt.colorbar()\nplt.clim(-1, 7);",
]
LAYOUT = [
    "ax1 = plt.axes()\nax2 = plt.axes([0.65, 0.65, 0.2, 0.2])",
    "fig = plt.figure()\nax1 = fig.add_axes([0.1, 0.5, 0.8, 0.4], xticklabels=[])\n"
    "ax2 = fig.add_axes([0.1, 0.1, 0.8, 0.4])\nax1.plot(np.sin(x))\nax2.plot(np.cos(x));",
    "for i in range(1, 7):\n    plt.subplot(2, 3, i)\n"
    "    plt.text(0.5, 0.5, str((2, 3, i)), fontsize=14, ha='center')",
    "fig, ax = plt.subplots(2, 3, sharex='col', sharey='row')",
    "for i in range(2):\n    for j in range(3):\n"
    "        ax[i, j].text(0.5, 0.5, str((i, j)), fontsize=14, ha='center')\nfig",
    "grid = plt.GridSpec(2, 3, wspace=0.4, hspace=0.3)\nplt.subplot(grid[0, 0])\n"
    "plt.subplot(grid[0, 1:])\nplt.subplot(grid[1, :2])\nplt.subplot(grid[1, 2]);",
    "fig, ax = plt.subplots()\nax.plot(x, np.cos(x))\nax.annotate('maximum', xy=(6.28, 1),\n"
    "    xytext=(8, 1.3), arrowprops=dict(facecolor='black', shrink=0.05));",
    "ax.xaxis.set_major_locator(plt.MultipleLocator(np.pi / 2))\n"
    "ax.xaxis.set_major_formatter(plt.FuncFormatter(lambda v, n: f'{v / np.pi:.1f}π'))\nfig",
    "ax.yaxis.set_major_locator(plt.NullLocator())\n"
    "ax.grid(True)\ndisplay(fig)\nprint('no labels')",
]
STYLES = [
    "before = plt.rcParams.copy()",
    "from matplotlib import cycler\nplt.rc('axes', facecolor='#E6E6E6', axisbelow=True,\n"
    "       prop_cycle=cycler('color', ['#EE6666', '#3388BB', '#9988DD']))\n"
    "plt.rc('grid', color='w', linestyle='solid')",
    "plt.hist(data)",
    "for i in range(3):\n    plt.plot(np.arange(5) * i)",
    "with plt.style.context('dark_background'):\n    plt.plot(x, np.sin(x))\n    plt.show()",
    "plt.rcParams.update(before)",
    "print(plt.rcParams['axes.facecolor'])",
]
SPACE = [
    "fig = plt.figure()\nax = plt.axes(projection='3d')",
    "z = np.linspace(0, 15, 60)\nax.plot3D(np.sin(z), np.cos(z), z, 'gray')\n"
    "ax.scatter3D(np.sin(z), np.cos(z), z, c=z, cmap='Greens')\nfig",
    "ax.view_init(60, 35)\nfig",
    "fig, ax = plt.subplots(subplot_kw={'projection': '3d'})\n"
    "ax.plot_surface(X, Y, Z, rstride=4, cstride=4, cmap='viridis', edgecolor='none')\n"
    "ax.set_title('surface');",
    "ax = plt.figure().add_subplot(projection='polar')\nax.plot(x, x)",
]
HELD = [
    "plt.ioff()\nfirst, axes = plt.subplots()\naxes.plot([1, 2])\nplt.ion()",
    "plt.plot([2, 1])\nplt.title('into the one that is still open')\nplt.show()",
    "plt.figure(num='named'); plt.plot([1, 3, 2]); plt.close('named')\nprint(plt.get_fignums())",
    "from matplotlib.animation import FuncAnimation\n"
    "frames, place = plt.subplots(figsize=(2, 2))\n(moving,) = place.plot([], [])\n"
    "place.set(xlim=(0, 1), ylim=(0, 1))\n"
    "def draw(i):\n    moving.set_data([0, 1], [0, i / 3])\n    return (moving,)\n"
    "from IPython.display import HTML\n"
    "film = HTML(FuncAnimation(frames, draw, frames=3, blit=True).to_jshtml())\n"
    "plt.close(frames)",
    "film",
    "%config InlineBackend.figure_format = 'svg'\nplt.plot([3, 1]);",
    "%config InlineBackend.figure_format = 'png'\n%config InlineBackend.close_figures = False",
    "held, pane = plt.subplots()\npane.plot([1, 4])",
    "plt.gcf() is held, plt.get_fignums()",
    "plt.plot([4, 1])\nplt.title('in the same figure');",
    "plt.close('all')\n%config InlineBackend.close_figures = True\nplt.get_fignums()",
    "%%capture shown\nplt.plot([1, 2])\nprint('kept for later')",
    "shown()",
    "from IPython.display import display, Markdown, clear_output\n"
    "place = display(Markdown('*drawing*'), display_id=True)\nplt.plot([1]);\n"
    "place.update(Markdown('*drawn*'))",
    "for n in range(3):\n    clear_output(wait=True)\n    plt.plot(range(n + 2))\n    plt.show()",
]

CELLS = [
    SETUP,
    *LINES,
    *SCATTER,
    *FIELDS,
    *HISTOGRAMS,
    *LEGENDS,
    *LAYOUT,
    *STYLES,
    *SPACE,
    *HELD,
]
"""The whole chapter."""

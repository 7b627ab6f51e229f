# %%
import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
# %%
rng = np.random.default_rng(3)
image = rng.integers(0, 255, (24, 32), dtype=np.uint8)
canvas = np.zeros((30, 40, 3), dtype=np.uint8)
# %%
window = canvas[3:27, 4:36]
red, green, blue = (window[..., n] for n in range(3))
red[...] = image
green[::2] = image[::2] // 2
# %%
flipped = canvas[:, ::-1]
corner = flipped[:5, :6]
corner[...] = 7
canvas[0, -1].tolist()
# %%
patches = sliding_window_view(image, (3, 3))
means = patches.mean(axis=(2, 3))
edges = np.abs(np.diff(image.astype(int), axis=1))
# %%
mask = image > 128
image[mask] = 255
counts = np.bincount(image.ravel() // 64, minlength=4)
# %%
blocks = as_strided(image, shape=(6, 8, 4, 4), strides=(32 * 4, 4, 32, 1))
blocks[0, 0] = 1
image[:4, :4].sum(), patches[0, 0].sum()
# %%
record = np.zeros(4, dtype=[("x", "i4"), ("y", "f8"), ("tag", "U5")])
record["x"] = counts
view = record.view(np.recarray)
view.y[:] = means[0, :4]
record["tag"][1] = "edge"
# %%
masked = np.ma.masked_where(mask, image)
masked[0, 0] = np.ma.masked
dark = masked.compressed()
# %%
kernels = {"blur": np.ones((3, 3)) / 9, "sharp": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0.0]])}
def apply(name, source=image):
    return np.einsum("ijkl,kl->ij", sliding_window_view(source, (3, 3)), kernels[name]).clip(0, 255)

results = {name: apply(name).astype(np.uint8) for name in kernels}
# %%
kernels["sharp"][1, 1] = 9
again = apply("sharp", window[..., 0])
channels = [red, green, blue]
channels[2][...] = 255 - channels[0]
print(canvas.sum(axis=(0, 1)), again.shape, view.x.tolist(), record["tag"].tolist(), dark.size)

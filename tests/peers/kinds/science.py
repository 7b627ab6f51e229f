# ruff: noqa: E501
"""What the scientific libraries make."""

from __future__ import annotations

from tests.peers.kinds.kind import Kind


def science() -> list[Kind]:
    np = "import numpy as np; "
    return [
        Kind(
            "sparse matrix",
            f"{np}import scipy.sparse as s; x = s.csr_matrix(np.eye(3))",
            "x[0, 0] = 5",
            "x.toarray().tolist()",
            needs="scipy",
        ),
        Kind(
            "sparse array",
            f"{np}import scipy.sparse as s; x = s.coo_array(np.eye(2))",
            "x.data[0] = 5",
            "x.toarray().tolist()",
            needs="scipy",
        ),
        Kind(
            "frozen distribution",
            "import scipy.stats as s; x = s.norm(1, 2)",
            "",
            "x.cdf(1)",
            needs="scipy",
        ),
        Kind(
            "interpolator",
            f"{np}import scipy.interpolate as s; x = s.CubicSpline([0, 1, 2], [0, 1, 4])",
            "",
            "float(x(1.5))",
            needs="scipy",
        ),
        Kind(
            "k-d tree",
            f"{np}import scipy.spatial as s; x = s.KDTree(np.eye(3))",
            "",
            "x.query([1, 0, 0])[1]",
            needs="scipy",
        ),
        Kind(
            "linear model",
            f"{np}from sklearn.linear_model import LinearRegression as L; x = L().fit([[0], [1]], [0, 2])",
            "x.coef_[0] = 7",
            "x.coef_.tolist()",
            needs="sklearn",
        ),
        Kind(
            "random forest",
            "from sklearn.ensemble import RandomForestClassifier as R; x = R(3, random_state=0).fit([[0], [1]], [0, 1])",
            "",
            "x.predict([[0], [1]]).tolist()",
            needs="sklearn",
        ),
        Kind(
            "pipeline",
            "from sklearn.pipeline import make_pipeline as m; from sklearn.preprocessing import StandardScaler as S; x = m(S()).fit([[0.0], [1.0]])",
            "",
            "x.transform([[1.0]]).tolist()",
            needs="sklearn",
        ),
        Kind(
            "vectorizer",
            "from sklearn.feature_extraction.text import TfidfVectorizer as T; x = T().fit(['a word', 'a text'])",
            "",
            "sorted(x.vocabulary_)",
            needs="sklearn",
        ),
        Kind(
            "figure",
            "import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt; x, ax = plt.subplots(); _ = ax.plot([1, 2])",
            "_ = ax.set_title('t')",
            "(x.axes[0].get_title(), len(x.axes[0].lines))",
            needs="matplotlib",
        ),
        Kind(
            "colour map",
            "import matplotlib; x = matplotlib.colormaps['viridis']",
            "",
            "x.name",
            needs="matplotlib",
        ),
        Kind(
            "graph",
            "import networkx as nx; x = nx.path_graph(3)",
            "x.add_edge(0, 2)",
            "sorted(x.edges)",
            needs="networkx",
        ),
        Kind(
            "directed graph with data",
            "import networkx as nx; x = nx.DiGraph([(1, 2, {'w': 3})])",
            "x[1][2]['w'] = 4",
            "list(x.edges(data=True))",
            needs="networkx",
        ),
        Kind(
            "image",
            "from PIL import Image; x = Image.new('RGB', (2, 2), 'red')",
            "x.putpixel((0, 0), (1, 2, 3))",
            "x.tobytes()",
            needs="PIL",
        ),
        Kind(
            "lxml element",
            "import lxml.etree as e; x = e.fromstring('<a/>')",
            fate="refused",
            needs="lxml",
        ),
        Kind(
            "sympy expression",
            "import sympy; x = sympy.Symbol('a') ** 2 + 1",
            "",
            "str(x.diff())",
            needs="sympy",
        ),
        Kind(
            "tensor", "import torch; x = torch.arange(3.0)", "x[0] = 9", "x.tolist()", needs="torch"
        ),
        Kind(
            "parameter",
            "import torch; x = torch.nn.Parameter(torch.ones(2))",
            "x.data[0] = 9",
            "(x.tolist(), x.requires_grad)",
            needs="torch",
        ),
        Kind(
            "neural network",
            "import torch; x = torch.nn.Sequential(torch.nn.Linear(2, 1))",
            "x[0].weight.data.fill_(3)",
            "x[0].weight.tolist()",
            needs="torch",
        ),
        Kind(
            "optimizer",
            "import torch; x = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], 0.1)",
            "x.param_groups[0]['lr'] = 0.5",
            "x.param_groups[0]['lr']",
            needs="torch",
        ),
    ]

# ruff: noqa: E501
"""More of the scientific libraries': labelled arrays, units, models, graphs, figures, symbols."""

from __future__ import annotations

from tests.peers.kinds.kind import Kind

_NP = "import numpy as np\n"


# fmt: off
def more_science() -> list[Kind]:
    """By library: each is left out where it is not installed."""
    made: dict[str, list[tuple[str, ...]]] = {
        "xarray": [
            ("labelled array", f"{_NP}import xarray as xr\nx = xr.DataArray(np.zeros((2, 2)), dims=('a', 'b'), coords={{'a': [1, 2]}}, attrs={{'u': 'm'}})", "x[0, 0] = 9", "(x.values.tolist(), dict(x.coords['a'].to_dict())['data'], x.attrs)"),
            ("dataset", f"{_NP}import xarray as xr\nx = xr.Dataset({{'t': ('a', [1.0, 2.0])}})", "x['u'] = ('a', [3, 4])", "{k: v.values.tolist() for k, v in x.items()}"),
            ("labelled variable", "import xarray as xr\nx = xr.Variable('a', [1, 2])", "x.attrs['k'] = 1", "(x.values.tolist(), x.attrs)"),
        ],
        "astropy": [
            ("quantity", "import astropy.units as u\nx = [1.0, 2.0] * u.m", "x[0] = 5 * u.m", "(x.value.tolist(), str(x.unit))"),
            ("unit", "import astropy.units as u\nx = u.m / u.s", "", "str(x)"),
            ("time of astropy", "from astropy.time import Time\nx = Time('2026-01-01T00:00:00', scale='utc')", "", "x.isot"),
            ("sky coordinate", "import astropy.units as u\nfrom astropy.coordinates import SkyCoord\nx = SkyCoord(1 * u.deg, 2 * u.deg)", "", "(float(x.ra.deg), float(x.dec.deg))"),
            ("astropy table", "from astropy.table import Table\nx = Table({'a': [1, 2]}, meta={'k': 'v'})", "x['a'][0] = 9", "(x['a'].tolist(), dict(x.meta))"),
            ("astropy model", "from astropy.modeling.models import Gaussian1D\nx = Gaussian1D(1, 0, 2)", "x.amplitude = 3", "float(x(0))"),
            ("FITS header", "from astropy.io import fits\nx = fits.Header([('A', 1, 'c')])", "x['B'] = 2", "dict(x)"),
        ],
        "scipy": [
            ("sparse matrix by columns", f"{_NP}import scipy.sparse as s\nx = s.csc_matrix(np.eye(2))", "x[0, 0] = 5", "x.toarray().tolist()"),
            ("sparse matrix by keys", "import scipy.sparse as s\nx = s.dok_matrix((2, 2))", "x[0, 1] = 5", "x.toarray().tolist()"),
            ("sparse matrix of lists", "import scipy.sparse as s\nx = s.lil_matrix((2, 2))", "x[0, 1] = 5", "x.toarray().tolist()"),
            ("sparse diagonals", f"{_NP}import scipy.sparse as s\nx = s.diags_array(np.ones(3))", "x.data[0, 0] = 5", "x.toarray().tolist()"),
            ("linear operator", f"{_NP}import scipy.sparse.linalg as s\nx = s.aslinearoperator(np.eye(2))", "", "x.matvec([1, 2]).tolist()"),
            ("spline", f"{_NP}import scipy.interpolate as s\nx = s.make_interp_spline([0, 1, 2, 3], [0, 1, 4, 9])", "x.c[0] = 1", "float(x(1.5))"),
            ("regular grid", f"{_NP}import scipy.interpolate as s\nx = s.RegularGridInterpolator(([0, 1], [0, 1]), np.eye(2))", "", "x([0.5, 0.5]).tolist()"),
            ("rotation", "from scipy.spatial.transform import Rotation as R\nx = R.from_euler('z', 90, degrees=True)", "", "x.as_quat().round(6).tolist()"),
            ("hull", f"{_NP}import scipy.spatial as s\nx = s.ConvexHull([[0, 0], [1, 0], [0, 1]])", "", "sorted(x.vertices.tolist())"),
            ("triangulation", "import scipy.spatial as s\nx = s.Delaunay([[0, 0], [1, 0], [0, 1]])", "", "x.simplices.shape"),
            ("result of optimisation", "import scipy.optimize as s\nx = s.minimize(lambda v: (v ** 2).sum(), [1.0])", "x.fun = 5", "(x.success, x.fun)"),
            ("kernel density", "import scipy.stats as s\nx = s.gaussian_kde([1.0, 2.0, 4.0])", "", "x(2.0).tolist()"),
            ("result of a test", "import scipy.stats as s\nx = s.ttest_1samp([1.0, 2.0, 4.0], 0)", "", "round(float(x.pvalue), 6)"),
            ("transfer function", "import scipy.signal as s\nx = s.TransferFunction([1], [1, 2])", "", "(x.num.tolist(), x.den.tolist())"),
        ],
        "sklearn": [
            (name, f"{_NP}{text}", change, show) for name, text, change, show in (
                ("support vector machine", "from sklearn.svm import SVC\nx = SVC().fit([[0], [1], [2], [3]], [0, 0, 1, 1])", "", "x.predict([[0], [3]]).tolist()"),
                ("nearest neighbours", "from sklearn.neighbors import KNeighborsClassifier as K\nx = K(1).fit([[0], [9]], [0, 1])", "", "x.predict([[1], [8]]).tolist()"),
                ("clusters", "from sklearn.cluster import KMeans\nx = KMeans(2, n_init=1, random_state=0).fit([[0.0], [9.0]])", "x.cluster_centers_[0] = 7", "sorted(x.cluster_centers_.ravel().tolist())"),
                ("principal components", "from sklearn.decomposition import PCA\nx = PCA(1).fit([[0, 1], [2, 3], [4, 4]])", "", "x.components_.round(6).tolist()"),
                ("gradient boosting", "from sklearn.ensemble import GradientBoostingRegressor as G\nx = G(n_estimators=2, random_state=0).fit([[0], [1]], [0, 1])", "", "x.predict([[0]]).round(6).tolist()"),
                ("decision tree", "from sklearn.tree import DecisionTreeClassifier as D\nx = D(random_state=0).fit([[0], [1]], [0, 1])", "", "x.tree_.node_count"),
                ("grid search", "from sklearn.model_selection import GridSearchCV as G\nfrom sklearn.linear_model import Ridge\nx = G(Ridge(), {'alpha': [1, 2]}, cv=2).fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 2, 3])", "", "x.best_params_"),
                ("column transformer", "from sklearn.compose import make_column_transformer as m\nfrom sklearn.preprocessing import OneHotEncoder as O\nx = m((O(), [0])).fit([['a'], ['b']])", "", "x.transform([['a']]).tolist()"),
                ("function transformer", "from sklearn.preprocessing import FunctionTransformer as F\nx = F(lambda a: a + 1)", "", "x.transform(np.zeros(1)).tolist()"),
                ("estimator of one's own", "from sklearn.base import BaseEstimator\nclass E(BaseEstimator):\n    def __init__(self, a=1):\n        self.a = a\n    def fit(self, X, y=None):\n        self.m_ = [self.a]\n        return self\nx = E(3).fit(None)", "x.m_.append(2)", "(x.get_params(), x.m_)"),
                ("bunch", "from sklearn.utils import Bunch\nx = Bunch(a=[1])", "x.a.append(2)", "(x['a'], x.a)"),
                ("split of folds", "from sklearn.model_selection import KFold\nx = KFold(2, shuffle=True, random_state=1)", "", "[t.tolist() for _, t in x.split(range(4))]"),
            )
        ],
        "matplotlib": [
            (name, f"import matplotlib; matplotlib.use('agg')\nimport matplotlib.pyplot as plt\n{text}", change, show) for name, text, change, show in (
                ("axes", "f, x = plt.subplots(); _ = x.plot([1, 2]); plt.close(f)", "_ = x.set_title('t')", "(x.get_title(), len(x.lines))"),
                ("line of a plot", "f, ax = plt.subplots(); x = ax.plot([1, 2])[0]; plt.close(f)", "x.set_color('red')", "x.get_color()"),
                ("figure of bars", "x, ax = plt.subplots(); _ = ax.bar(['a', 'b'], [1, 2]); plt.close(x)", "_ = ax.set_xlabel('l')", "(len(x.axes[0].patches), x.axes[0].get_xlabel())"),
                ("figure of an image", "x, ax = plt.subplots(); _ = ax.imshow([[1, 2]]); plt.close(x)", "_ = ax.set_title('t')", "len(x.axes[0].images)"),
                ("grid of axes", "f, x = plt.subplots(2, 2); plt.close(f)", "_ = x[0, 0].set_title('t')", "(x.shape, x[0, 0].get_title())"),
                ("norm of colours", "from matplotlib.colors import Normalize\nx = Normalize(0, 2)", "x.vmax = 4", "float(x(1))"),
                ("map of colours", "from matplotlib.colors import ListedColormap\nx = ListedColormap(['red', 'blue'])", "", "x(0)"),
                ("path", "from matplotlib.path import Path\nx = Path([[0, 0], [1, 1]])", "", "x.vertices.tolist()"),
                ("affine transform", "from matplotlib.transforms import Affine2D\nx = Affine2D().scale(2)", "_ = x.translate(1, 0)", "x.get_matrix().tolist()"),
                ("parameters", "x = dict(plt.rcParams)", "x['k'] = 1", "len(x)"),
            )
        ],
        "networkx": [
            ("multigraph", "import networkx as nx\nx = nx.MultiDiGraph([(1, 2), (1, 2)])", "_ = x.add_edge(2, 1, key='k')", "list(x.edges(keys=True))"),
            ("graph with functions", "import networkx as nx\nx = nx.Graph(); x.add_node(1, f=lambda a: a + 1)", "x.add_node(2)", "(list(x), x.nodes[1]['f'](1))"),
            ("view of a graph", "import networkx as nx\ng = nx.path_graph(3); x = g.subgraph([0, 1])", "g.remove_edge(0, 1)", "list(x.edges)"),
            ("degrees", "import networkx as nx\nx = nx.path_graph(3).degree", "", "dict(x)"),
        ],
        "sympy": [
            ("symbols with assumptions", "import sympy\nx = sympy.Symbol('a', positive=True)", "", "(str(x), x.is_positive, x == __import__('sympy').Symbol('a', positive=True))"),
            ("symbolic matrix", "import sympy\nx = sympy.Matrix([[1, sympy.Symbol('a')]])", "x[0, 0] = 5", "str(x)"),
            ("equation", "import sympy\nx = sympy.Eq(sympy.Symbol('a'), 3)", "", "str(sympy.solve(x)) if 'sympy' in globals() else str(__import__('sympy').solve(x))"),
            ("symbolic function", "import sympy\nx = sympy.Function('f')(sympy.Symbol('t'))", "", "str(x)"),
            ("undefined function", "import sympy\nx = sympy.Function('f')", "", "x.__name__"),
            ("lambdified", "import sympy\na = sympy.Symbol('a'); x = sympy.lambdify(a, a ** 2)", "", "x(3)"),
            ("polynomial of sympy", "import sympy\na = sympy.Symbol('a'); x = sympy.Poly(a ** 2 + 1, a)", "", "x.all_coeffs()"),
            ("dummy symbol", "import sympy\nx = sympy.Dummy('d')", "", "str(x)"),
        ],
        "PIL": [
            ("image with a palette", "from PIL import Image\nx = Image.new('P', (2, 2)); x.putpalette([1, 2, 3] * 4)", "x.putpixel((0, 0), 1)", "(x.mode, x.tobytes(), x.getpalette()[:3])"),
            ("image with info", "from PIL import Image\nx = Image.new('L', (1, 1)); x.info['k'] = 'v'", "x.info['k'] = 'w'", "(x.info, x.tobytes())"),
            ("image from a file", "from PIL import Image\nImage.new('RGB', (2, 2), 'red').save('i.png'); x = Image.open('i.png'); _ = x.load()", "", "(x.size, x.tobytes())"),
        ],
        "statsmodels": [
            ("fitted least squares", f"{_NP}import statsmodels.api as sm\nx = sm.OLS([1.0, 2.0, 3.0], [[1, 0], [1, 1], [1, 2]]).fit()", "", "x.params.round(6).tolist()"),
        ],
        "shapely": [
            ("polygon", "from shapely.geometry import Polygon\nx = Polygon([(0, 0), (1, 0), (0, 1)])", "", "(x.area, x.wkt)"),
            ("prepared geometry", "from shapely.geometry import Point\nfrom shapely.prepared import prep\nx = prep(Point(0, 0).buffer(1))", "", "type(x).__name__"),
            ("tree of geometries", "from shapely import STRtree, Point\nx = STRtree([Point(0, 0)])", "", "len(x)"),
        ],
        "pint": [
            ("pint quantity", "import pint\nu = pint.UnitRegistry(); x = 3 * u.meter", "", "str(x)"),
            ("pint registry", "import pint\nx = pint.UnitRegistry()", "", "str(3 * x.meter)"),
        ],
        "numba": [
            ("compiled function", "import numba\n@numba.njit\ndef x(a):\n    return a + 1", "", "x(1)"),
        ],
        "uncertainties": [
            ("number with an uncertainty", "from uncertainties import ufloat\nx = ufloat(1, 0.1)", "", "str(x * 2)"),
        ],
        "lxml": [
            ("lxml document", "import lxml.etree as e\nx = e.ElementTree(e.fromstring('<a/>'))", "", "type(x).__name__"),
        ],
        "bs4": [
            ("soup", "from bs4 import BeautifulSoup\nx = BeautifulSoup('<p>a</p>', 'html.parser')", "x.p.string = 'b'", "str(x)"),
            ("tag of a soup", "from bs4 import BeautifulSoup\nx = BeautifulSoup('<p>a</p>', 'html.parser').p", "x['id'] = 'i'", "str(x)"),
        ],
        "openpyxl": [
            ("workbook", "import openpyxl\nx = openpyxl.Workbook(); x.active['A1'] = 3", "x.active['B1'] = 4", "x.active['A1'].value"),
        ],
        "seaborn": [
            ("facet grid", "import matplotlib; matplotlib.use('agg')\nimport seaborn as sns, pandas as pd\nx = sns.FacetGrid(pd.DataFrame({'a': [1, 2]}), col='a')", "", "type(x).__name__"),
        ],
    }
    return [Kind(*kind, fate=_FATES.get(kind[0], "stored"), needs=needs) for needs, kinds in made.items() for kind in kinds]
# fmt: on


_FATES = dict.fromkeys(("prepared geometry", "lxml document", "symbolic function"), "refused")

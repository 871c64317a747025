"""By cluster of similar fingerprints.

Shape letters: U different molecules, B bits.
"""

import warnings
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from drugml.config.splits import ClusterSplit, KMeansSplit, Order, Sizes
from drugml.data.prints import BITS, Fingerprints, fingerprints
from drugml.data.splits.draw import Grouped, join
from drugml.data.splits.fingerprints import MOST, Tanimoto, check_number, distinct, neighbours
from drugml.data.splits.plan import SPLITTERS, Indices, Molecules
from drugml.errors import UserError


@SPLITTERS.register(ClusterSplit)
class Cluster(Grouped):
    """Each molecule belongs to a centre within a Tanimoto distance. The seed does not touch the clusters."""

    def __init__(
        self, *, sizes: Sizes, seed: int, order: Order, method: Literal["leader", "butina"], distance: float
    ) -> None:
        super().__init__(sizes=sizes, seed=seed, order=order)
        self.method, self.distance = method, distance

    def groups(self, molecules: Molecules) -> Indices:
        smiles, member = distinct(molecules)
        if self.method == "butina":
            check_number("cluster", len(smiles), MOST, "data.split.method=leader")
        cluster = butina if self.method == "butina" else leader
        return join(molecules.inchikeys, cluster(fingerprints(smiles), self.distance)[member])


def leader(prints: Fingerprints, distance: float) -> Indices:
    """Sphere exclusion: the first molecule outside all spheres leads the next; each goes to its nearest leader.

    The leaders are those of RDKit's LeaderPicker. Time grows with molecules × leaders. Returns the leader of
    each molecule, (U,).
    """
    tanimoto = Tanimoto(prints)
    best = np.full(len(prints), -1.0)
    nearest = np.full(len(prints), -1, np.int64)
    outside = np.ones(len(prints), bool)
    at = 0
    while outside[at]:
        similarity = tanimoto(prints.on(at))
        closer = similarity > best
        best[closer] = similarity[closer]
        nearest[closer] = at
        outside &= 1 - similarity > distance
        outside[at] = False
        at = int(outside.argmax())
    return nearest


def butina(prints: Fingerprints, distance: float) -> Indices:
    """Taylor-Butina: the molecule with most neighbours and all of them are a cluster, then again with what is left.

    Numbers of neighbours are counted once, at the start; of equal ones the last comes first, as in RDKit's
    Butina.ClusterData. Neighbours of centres are looked up a second time: to keep all of them would take memory
    that grows with the square of the molecules. Returns the centre of each molecule, (U,).
    """
    tanimoto = Tanimoto(prints)
    counts = neighbours(prints, distance)
    centre = np.full(len(prints), -1, np.int64)
    for i in np.lexsort((np.arange(len(counts)), counts))[::-1]:
        if centre[i] < 0:
            if counts[i] > 1:
                centre[(1 - tanimoto(prints.on(i)) <= distance) & (centre < 0)] = i
            centre[i] = i
    return centre


@SPLITTERS.register(KMeansSplit)
class KMeans(Grouped):
    """Mini-batch k-means after truncated SVD; the seed draws clusters and folds.

    Both run on one core: sums over several would depend on how many there are.
    """

    def __init__(self, *, sizes: Sizes, seed: int, order: Order, clusters: int, dimensions: int) -> None:
        super().__init__(sizes=sizes, seed=seed, order=order)
        self.clusters, self.dimensions = clusters, dimensions

    def groups(self, molecules: Molecules) -> Indices:
        smiles, member = distinct(molecules)
        if len(smiles) < self.clusters:
            raise UserError(
                f"split 'kmeans': {self.clusters} clusters of {len(smiles)} different molecules cannot be; set "
                "data.split.clusters lower"
            )
        return join(molecules.inchikeys, self._clustered(fingerprints(smiles))[member])

    def _clustered(self, prints: Fingerprints) -> Indices:
        from sklearn.cluster import MiniBatchKMeans  # seconds to import
        from sklearn.decomposition import TruncatedSVD
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

        on = [prints.on(i) for i in range(len(prints))]
        start = np.cumsum([0, *map(len, on)])
        matrix = csr_array((np.ones(start[-1], np.float32), np.concatenate(on), start), (len(on), BITS))
        dimensions = min(self.dimensions, len(prints) - 1)
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fewer clusters than asked for, where fingerprints are equal
            reduced = TruncatedSVD(dimensions, random_state=self.seed).fit_transform(matrix)
            means = MiniBatchKMeans(self.clusters, random_state=self.seed, batch_size=4096, n_init=3)
            return means.fit_predict(reduced).astype(np.int64)  # type: ignore[no-any-return]

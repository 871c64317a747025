"""Public molecules whose predictions travel with every bundle and are checked again when it is loaded.

They are the same for every model: molecules of the training set would carry confidential structures along.
"""

PROBES = (
    "CC(=O)Oc1ccccc1C(=O)O",  # aspirin
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",  # caffeine
    "C",  # methane: no bond
    "[Na+].[Cl-]",  # a salt
    "C[C@H](N)C(=O)O",  # a stereocentre
    r"C/C=C\C(=O)[O-]",  # a stereo bond and a charge
    "CS(=O)(=O)c1ccc(C2=C(c3ccccc3)C(=O)OC2)cc1",  # rofecoxib
    "C[NH2+]CCC(Oc1ccc(C(F)(F)F)cc1)c1ccccc1.[Cl-]",  # fluoxetine hydrochloride: whether salts are stripped
    "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",  # morphine
)

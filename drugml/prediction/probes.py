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

PLACED = (
    "[H]OC([H])([H])[H] |(1.63,0.19,0.19;0.97,-0.37,-0.26;-0.35,-0.01,-0.02;-0.6,0.06,1.05;-0.98,-0.81,-0.46;"
    "-0.66,0.93,-0.5)|",
    "[H]C(=O)N([H])[H] |(1.32,-0.78,-0.33;0.68,0.01,;1.22,1.08,0.42;-0.76,-0.08,-0.03;-1.25,0.31,-0.85;"
    "-1.21,-0.53,0.79)|",
)
"""Methanol and formamide in space, for models that read positions from a file and know nothing without."""
